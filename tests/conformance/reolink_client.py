"""Reads a Reolink device with reolink_aio, the library that Home Assistant uses, and prints what it saw as JSON.

usage: reolink_client.py HOST HTTPS_PORT USER PASSWORD
Any error that the library logs on its way ends the program with status 1.
"""

import asyncio
import datetime
import json
import logging
import sys

from reolink_aio.api import Host
from reolink_aio.enums import ConnectionEnum


class Complaints(logging.Handler):
    """Keeps what the library warns of."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.seen = []

    def emit(self, record):
        self.seen.append(record.getMessage())


async def read(device: Host) -> dict:
    await device.get_host_data()
    await device.get_states()
    channels = {}
    for channel in device.channels:
        jpeg = await device.get_snapshot(channel)
        channels[channel] = {
            "name": device.camera_name(channel),
            "model": device.camera_model(channel),
            "uid": device.camera_uid(channel),
            "motion": device.motion_detected(channel),
            "person": device.ai_detected(channel, "person"),
            "vehicle": device.ai_detected(channel, "vehicle"),
            "rtsp": await device.get_rtsp_stream_source(channel, "main"),
            "jpeg": jpeg[:2].hex() if jpeg else None,
            "ir_lights": device.ir_enabled(channel),
        }
    now = datetime.datetime.now()
    first = device.channels[0]
    _, files = await device.request_vod_files(first, now - datetime.timedelta(minutes=5), now, stream="sub")
    film = None
    if files:
        times = [f"{file.start_time:%Y%m%d%H%M%S}" for file in files[:1]]
        film = {"files": len(files), "size": files[0].size, "start": times[0]}
        if not device.is_nvr:
            download = await device.download_vod(files[0].file_name)
            film["length"] = download.length
            film["head"] = (await download.stream.read(12)).hex()
            download.close()
    return {
        "model": device.model,
        "name": device.nvr_name,
        "uid": device.uid,
        "firmware": device.sw_version,
        "hardware": device.hardware_version,
        "is_nvr": device.is_nvr,
        "mac": device.mac_address,
        "admin": device.is_admin,
        "disks": len(device.hdd_info),
        "channels": channels,
        "film": film,
    }


async def main() -> int:
    host, port, user, password = sys.argv[1:]
    complaints = Complaints()
    logging.getLogger("reolink_aio").addHandler(complaints)
    # Nothing speaks the vendor's other protocol here.
    device = Host(host, user, password, port=int(port), use_https=True, timeout=10, bc_connection=ConnectionEnum.tcp)
    try:
        seen = await read(device)
    finally:
        await device.logout()
    print(json.dumps(seen))
    for complaint in complaints.seen:
        print(complaint, file=sys.stderr)
    return 1 if complaints.seen else 0


sys.exit(asyncio.run(main()))
