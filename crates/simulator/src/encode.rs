//! Encodes drawn pictures as H.264 with openh264: constrained baseline, no B frames, a key frame each two seconds.

use crate::scene::canvas::Yuv;
use base::{Error, Result};
use media::{VideoCodec, VideoParams};
use openh264::encoder::{
    BitRate, Complexity, EncodedBitStream, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile, QpRange,
    RateControlMode, UsageType, VuiConfig,
};
use openh264::{OpenH264API, Timestamp};

/// What an encoder is to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub fps: u32,
    /// Bits a second, about.
    pub rate: u32,
    /// The coarsest quantiser; a rate that would need a coarser one is exceeded.
    pub most_qp: u8,
}

/// An encoder of one stream.
pub(crate) struct Encoder {
    inner: openh264::encoder::Encoder,
    settings: Settings,
    coded: u32,
    until_key: u32,
    /// The coded picture, as NAL units one after another.
    bytes: Vec<u8>,
    nals: Vec<std::ops::Range<usize>>,
    key: bool,
}

impl Encoder {
    pub fn new(settings: Settings) -> Result<Self> {
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .rate_control_mode(RateControlMode::Bitrate)
            .bitrate(BitRate::from_bps(settings.rate))
            .max_frame_rate(FrameRate::from_hz(settings.fps as f32))
            .intra_frame_period(IntraFramePeriod::auto())
            .profile(Profile::Baseline)
            .complexity(Complexity::Low)
            .qp(QpRange::new(18, settings.most_qp))
            .skip_frames(false)
            .scene_change_detect(false)
            .adaptive_quantization(false)
            .background_detection(true)
            .num_threads(1)
            .vui(VuiConfig::bt709());
        let mut inner =
            openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config).map_err(failed)?;
        silence(&mut inner);
        Ok(Self { inner, settings, coded: 0, until_key: 0, bytes: Vec::new(), nals: Vec::new(), key: false })
    }

    /// How many pictures come before the next key frame; with 0 the next one is.
    pub fn until_key(&self) -> u32 {
        self.until_key
    }

    /// The next picture is a key frame.
    pub fn force_key(&mut self) {
        self.until_key = 0;
    }

    /// Codes a picture. The answer holds until the next call.
    pub fn encode(&mut self, picture: &Yuv) -> Result<Coded<'_>> {
        if self.until_key == 0 {
            self.until_key = 2 * self.settings.fps;
            // Before the first picture there is nothing to force: it is a key frame.
            if self.coded > 0 {
                self.inner.force_intra_frame();
            }
        }
        self.until_key -= 1;
        let millis = u64::from(self.coded) * 1000 / u64::from(self.settings.fps);
        let coded = self.inner.encode_at(picture, Timestamp::from_millis(millis)).map_err(failed)?;
        self.key = matches!(coded.frame_type(), FrameType::IDR);
        collect(&coded, &mut self.bytes, &mut self.nals);
        self.coded = self.coded.wrapping_add(1);
        Ok(Coded { bytes: &self.bytes, nals: &self.nals, key: self.key })
    }
}

/// The library writes warnings to standard error while it starts, before its wrapper can tell it not to.
#[allow(unsafe_code)]
fn silence(encoder: &mut openh264::encoder::Encoder) {
    // ENCODER_OPTION_TRACE_LEVEL and WELS_LOG_QUIET of the library's codec_app_def.h.
    const TRACE_LEVEL: std::ffi::c_uint = 25;
    let mut quiet: std::ffi::c_int = 0;
    // SAFETY: the library reads one int through the pointer during the call, and allows this option at any time.
    unsafe { encoder.raw_api().set_option(TRACE_LEVEL as _, (&raw mut quiet).cast()) };
}

fn failed(error: openh264::Error) -> Error {
    Error::internal("the H.264 encoder failed").because(error)
}

fn collect(coded: &EncodedBitStream<'_>, bytes: &mut Vec<u8>, nals: &mut Vec<std::ops::Range<usize>>) {
    bytes.clear();
    nals.clear();
    let layers = (0..coded.num_layers()).filter_map(|at| coded.layer(at));
    for layer in layers {
        for nal in (0..layer.nal_count()).filter_map(|at| layer.nal_unit(at)) {
            let zeros = nal.iter().take_while(|&&byte| byte == 0).count();
            let start = bytes.len();
            bytes.extend_from_slice(nal.get(zeros + 1..).unwrap_or_default());
            nals.push(start..bytes.len());
        }
    }
}

/// A coded picture.
pub(crate) struct Coded<'a> {
    bytes: &'a [u8],
    nals: &'a [std::ops::Range<usize>],
    pub key: bool,
}

impl Coded<'_> {
    /// Its NAL units, without start codes.
    pub fn nals(&self) -> Vec<&[u8]> {
        self.nals.iter().map(|range| &self.bytes[range.clone()]).collect()
    }
}

/// The parameters of coded pictures, if the NAL units hold them: those of a key frame do.
pub(crate) fn params(nals: &[&[u8]], width: usize, height: usize, fps: u32) -> Option<VideoParams> {
    let find = |kind: u8| nals.iter().find(|nal| nal.first().is_some_and(|head| head & 0x1F == kind));
    Some(VideoParams {
        codec: VideoCodec::H264,
        width: width as u32,
        height: height as u32,
        fps: Some(fps as f32),
        vps: Vec::new(),
        sps: find(7)?.to_vec(),
        pps: find(8)?.to_vec(),
    })
}
