"""A real RTSP server for the tests: GStreamer's, on ports that the system chooses.

Prints `ready OPEN DIGEST BASIC` once all three accept: a server for everybody, one that asks ada (password lovelace)
for Digest, one that asks her for Basic.
"""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

Gst.init(None)
VIDEO = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=15/1,format=I420 ! "
H264 = VIDEO + "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=500 ! "
H265 = VIDEO + "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=500 ! "
SOUND = "audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate={},channels=1 ! "
MEDIA = {
    "/h264": H264 + "video/x-h264,profile=constrained-baseline ! rtph264pay name=pay0 pt=96 "
    + SOUND.format(8000) + "alawenc ! rtppcmapay name=pay1 pt=8",
    "/h265": H265 + "rtph265pay name=pay0 pt=96 "
    + SOUND.format(16000) + "voaacenc ! rtpmp4gpay name=pay1 pt=97",
    "/opus": H264 + "rtph264pay name=pay0 pt=96 " + SOUND.format(48000) + "opusenc ! rtpopuspay name=pay1 pt=97",
    "/jpeg": VIDEO + "jpegenc ! rtpjpegpay name=pay0 pt=26",
    "/silent": H264 + "rtph264pay name=pay0 pt=96",
}


def serve(method):
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    for path, launch in MEDIA.items():
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch("( " + launch + " )")
        factory.set_shared(True)
        if method is not None:
            permissions = GstRtspServer.RTSPPermissions.new()
            permissions.add_permission_for_role("viewer", "media.factory.access", True)
            permissions.add_permission_for_role("viewer", "media.factory.construct", True)
            factory.set_permissions(permissions)
        server.get_mount_points().add_factory(path, factory)
    if method is not None:
        server.set_auth(only_ada(method))
    server.attach(None)
    return server


def only_ada(method):
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(method)
    token = GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", "viewer")
    if method == GstRtsp.RTSPAuthMethod.DIGEST:
        auth.add_digest("ada", "lovelace", token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic("ada", "lovelace"), token)
    return auth


servers = [serve(None), serve(GstRtsp.RTSPAuthMethod.DIGEST), serve(GstRtsp.RTSPAuthMethod.BASIC)]
loop = GLib.MainLoop()


# The test holds our input open for as long as it lives.
def gone(channel, condition):
    loop.quit()
    return False


GLib.io_add_watch(GLib.IOChannel.unix_new(sys.stdin.fileno()), GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP | GLib.IOCondition.IN, gone)
print("ready", *(server.get_bound_port() for server in servers), flush=True)
loop.run()
