//! The commands of the API: a batch of them in, an answer for each out.

use super::{Alarm, Channel, Clock, Model, Refusal, State, clock, doors::Way, lock, session, settings};
use crate::Kind;
use media::VideoCodec;
use serde_json::{Map, Value, json};
use std::{net::IpAddr, sync::atomic::Ordering};

const INVALID: Refusal = Refusal(-4, "param error");
const UNSUPPORTED: Refusal = Refusal(-9, "not support");

/// Commands that wake a battery camera (as `reolink_aio` found them).
const WAKING: [&str; 13] = [
    "GetEnc",
    "GetWhiteLed",
    "GetZoomFocus",
    "GetAudioCfg",
    "GetPtzGuard",
    "GetAutoReply",
    "GetPtzTraceSection",
    "GetAiCfg",
    "GetAiAlarm",
    "GetPtzCurPos",
    "GetAudioAlarm",
    "GetPerformance",
    "GetMask",
];

/// Who asks: the credential in the address, and from where.
pub(super) struct Caller<'a> {
    pub token: Option<&'a str>,
    /// A "short session": name and password in the address instead of a token.
    pub user: Option<(&'a str, &'a str)>,
    pub peer: IpAddr,
}

impl State {
    /// Answers a batch.
    pub(super) fn batch(&self, body: &[u8], caller: &Caller<'_>) -> Value {
        let Some(items) = serde_json::from_slice::<Value>(body).ok().and_then(|body| body.as_array().cloned()) else {
            return json!([refused("Unknown", Refusal(-10, "protocol error"))]);
        };
        let Some(first) = items.first() else { return json!([]) };
        let opens = matches!(name(first), "Login" | "Logout");
        if let (false, Err(refusal)) = (opens, self.admit(caller)) {
            return json!([refused(name(first), refusal)]);
        }
        let jammed = items.iter().any(|item| lock(&self.jammed).contains(name(item)));
        if jammed || (items.len() > 1 && self.suffers(Kind::ApiBatch)) {
            return json!([refused(name(first), Refusal(-8, "timeout"))]);
        }
        items.iter().map(|item| self.answer(item, caller)).collect()
    }

    /// Lets in who has a token, or a name and a password.
    pub(super) fn admit(&self, caller: &Caller<'_>) -> Result<(), Refusal> {
        match (caller.user, caller.token) {
            (Some((username, password)), _) => self.prove(username, password),
            (None, Some(token)) => self.sessions.check(token),
            (None, None) => Err(Refusal(-6, "please login first")),
        }
    }

    fn prove(&self, username: &str, password: &str) -> Result<(), Refusal> {
        if self.suffers(Kind::RefusePassword) {
            return Err(Refusal(-7, "login failed"));
        }
        self.sessions.prove(username, password)
    }

    fn answer(&self, item: &Value, caller: &Caller<'_>) -> Value {
        let (command, param) = (name(item), &item["param"]);
        let answered = match command {
            "Login" => self.login(param, caller.peer),
            "Logout" => self.logout(caller.token),
            _ => self.run(command, param),
        };
        let value = match answered {
            Ok(value) => value,
            Err(refusal) => return refused(command, refusal),
        };
        let mut answer = json!({"cmd": command, "code": 0, "value": value});
        if item["action"] == 1 {
            self.explain(command, param, &mut answer);
        }
        answer
    }

    /// What `action: 1` adds: the value at the factory, and what the setting may be.
    fn explain(&self, command: &str, param: &Value, answer: &mut Value) {
        let Some(setting) = command.strip_prefix("Get") else { return };
        if let Ok((key, value)) = self.factory(setting, channel_of(param)) {
            answer["initial"] = json!({ key: value });
        }
        let range = settings::range(setting).or_else(|| (setting == "Enc").then(|| self.encodings(param)).flatten());
        if let Some(range) = range {
            answer["range"] = range;
        }
    }

    fn login(&self, param: &Value, peer: IpAddr) -> Result<Value, Refusal> {
        let user = &param["User"];
        let field = |name: &str| user[name].as_str().ok_or(Refusal(-23, "missing param"));
        let (username, password) = (field("userName")?, field("password")?);
        if username.len() > 31 || password.len() > 31 {
            return Err(Refusal(-22, "string too long"));
        }
        self.prove(username, password)?;
        let token = self.sessions.open(peer)?;
        Ok(json!({"Token": {"leaseTime": self.sessions.lease().as_secs(), "name": token}}))
    }

    fn logout(&self, token: Option<&str>) -> Result<Value, Refusal> {
        if let Some(token) = token {
            self.sessions.close(token);
        }
        done()
    }

    fn run(&self, command: &str, param: &Value) -> Result<Value, Refusal> {
        if WAKING.contains(&command) && self.wake() {
            return Err(Refusal(-12, "get config failed"));
        }
        if lock(&self.ignored).contains(command) {
            return done();
        }
        match command {
            "GetDevInfo" => Ok(json!({"DevInfo": self.device_info()})),
            "GetLocalLink" => Ok(json!({"LocalLink": self.local_link()})),
            "GetNetPort" => Ok(json!({"NetPort": self.net_port()})),
            "SetNetPort" => self.set_net_port(&param["NetPort"]),
            "GetWifiSignal" if self.model.on_wifi() => Ok(json!({"wifiSignal": 3})),
            "GetWifiSignal" => Ok(json!({"wifiSignal": 100})),
            "GetTime" => Ok(self.time()),
            "SetTime" => self.set_time(&param["Time"]),
            "GetHddInfo" => Ok(json!({"HddInfo": self.disks()})),
            "GetPerformance" if self.model != Model::Battery => {
                Ok(json!({"Performance": {"codecRate": 4096, "cpuUsed": 23, "netThroughput": 0}}))
            }
            "GetBatteryInfo" if self.model == Model::Battery => Ok(json!({"Battery": self.battery()})),
            "GetChannelstatus" => Ok(self.channel_status()),
            "GetChnTypeInfo" => self.channel(channel_of(param)).map(|_| self.channel_type()),
            "GetAbility" => Ok(json!({"Ability": self.abilities()})),
            "GetUser" => Ok(json!({"User": [{"level": "admin", "userName": self.sessions.credentials().username}]})),
            "GetOnline" => Ok(json!({"User": self.online()})),
            "Disconnect" => self.disconnect(param),
            "GetSysCfg" => Ok(json!({"SysCfg": self.system()})),
            "GetEnc" => self.with_channel(param, |number, channel| Ok(json!({"Enc": encoding(number, channel)}))),
            "GetRtspUrl" => self.with_channel(param, |number, _| Ok(json!({"rtspUrl": self.urls(number)}))),
            "GetEvents" => self.with_channel(param, |number, _| Ok(self.events(number))),
            "GetMdState" => {
                self.with_channel(param, |number, _| Ok(json!({"state": i32::from(!self.detects(number).is_empty())})))
            }
            "GetAiState" => self.with_channel(param, |number, _| Ok(self.ai(number, true))),
            "AudioAlarmPlay" => self.with_channel(param, |_, _| self.sound(param)),
            "PtzCtrl" => self.with_channel(param, |number, _| self.move_lens(number, param)),
            "GetPtzPreset" => self.with_channel(param, |number, _| self.presets(number)),
            "SetPtzPreset" => self.set_preset(&param["PtzPreset"]),
            "Search" => self.search(&param["Search"]),
            "NvrDownload" if self.model == Model::Recorder => self.prepare(&param["NvrDownload"]),
            "GetWebHook" => self.with_channel(param, |number, _| Ok(self.webhooks(number))),
            "SetWebHook" => self.set_webhook(&param["WebHook"]).and_then(|()| done()),
            "CheckFirmware" => Ok(json!({"newFirmware": 0})),
            "UpgradeStatus" => Ok(json!({"Status": {"Persent": 0, "code": 0}})),
            "Reboot" => self.reboot(),
            _ => self.setting(command, param),
        }
    }

    fn with_channel(
        &self,
        param: &Value,
        answer: impl FnOnce(usize, &Channel) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        let number = channel_of(param);
        answer(number, self.channel(number)?)
    }

    /// `Get…` and `Set…` of what is kept as it is set.
    fn setting(&self, command: &str, param: &Value) -> Result<Value, Refusal> {
        let (verb, setting) = command.split_at_checked(3).ok_or(UNSUPPORTED)?;
        let channel = channel_of(param);
        let factory = self.factory(setting, channel)?;
        let key = factory.0;
        match verb {
            "Get" => Ok(json!({ key: self.settings.get(setting, channel, factory) })),
            "Set" => {
                self.settings.set(setting, channel, factory, param.get(key).ok_or(Refusal(-23, "missing param"))?)?;
                self.obey(setting, channel);
                done()
            }
            _ => Err(UNSUPPORTED),
        }
    }

    fn factory(&self, setting: &str, channel: usize) -> Result<settings::Factory, Refusal> {
        if let Some(factory) = settings::of_device(setting, self.model) {
            return Ok(factory);
        }
        let name = self.name(channel);
        let factory = settings::of_channel(setting, self.model, channel, &name).ok_or(UNSUPPORTED)?;
        self.channel(channel)?;
        Ok(factory)
    }

    /// What a changed setting does to the camera.
    fn obey(&self, setting: &str, channel: usize) {
        if let ("Mask", Ok(factory), Ok(at)) = (setting, self.factory(setting, channel), self.channel(channel)) {
            at.camera.mask.set(super::snapshot::areas(&self.settings.get(setting, channel, factory)));
        }
        if matches!(setting, "WhiteLed" | "IrLights" | "PowerLed") {
            self.actions.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The name of the camera at a channel, as it leaves the factory.
    fn name(&self, channel: usize) -> String {
        let number = self.channels.get(channel).map_or(channel, |channel| channel.number);
        format!("Camera{}", number + 1)
    }

    /// The name of the camera at a channel, as it was set.
    pub(super) fn shown_name(&self, channel: usize) -> String {
        let factory = settings::of_channel("Osd", self.model, channel, &self.name(channel));
        let osd = factory.map(|factory| self.settings.get("Osd", channel, factory));
        osd.and_then(|osd| Some(osd["osdChannel"]["name"].as_str()?.to_owned())).unwrap_or_default()
    }

    fn device_info(&self) -> Value {
        let (model, camera) = (self.model, self.model != Model::Recorder);
        let name = self.factory("DevName", 0).map(|factory| self.settings.get("DevName", 0, factory)["name"].clone());
        json!({
            "B485": 0, "IOInputNum": 0, "IOOutputNum": 0, "audioNum": i32::from(camera), "buildDay": "build 22041503",
            "cfgVer": "v3.1.0.0", "channelNum": model.channels(), "detail": format!("{}C48I112", model.hardware()),
            "diskNum": 1, "exactType": model.exact_type(), "firmVer": model.firmware(), "frameworkVer": 1,
            "hardVer": model.hardware(), "itemNo": "P320", "model": model.name(), "name": name.unwrap_or_default(),
            "pakSuffix": "pak,paks", "serial": format!("00000000{:06}", 65_537 + self.channels[0].number),
            "type": model.exact_type(), "wifi": i32::from(model.on_wifi()),
        })
    }

    fn local_link(&self) -> Value {
        json!({
            "activeLink": if self.model.on_wifi() { "WiFi" } else { "LAN" },
            "dns": {"auto": 1, "dns1": "192.0.2.1", "dns2": "192.0.2.1"},
            "mac": format!("ec:71:db:00:{:02x}:{:02x}", self.model as usize, self.channels[0].number),
            "static": {"gateway": "192.0.2.1", "ip": self.doors.address().to_string(), "mask": "255.255.255.0"},
            "type": "DHCP",
        })
    }

    fn net_port(&self) -> Value {
        let mut ports = json!({
            "mediaPort": 9000, "onvifEnable": 0, "onvifPort": 8000, "rtmpEnable": 0, "rtmpPort": 1935,
        });
        for (way, name) in Way::ALL.into_iter().zip(["http", "https", "rtsp"]) {
            ports[format!("{name}Enable")] = i32::from(self.doors.open(way).is_some()).into();
            ports[format!("{name}Port")] = self.doors.port(way).into();
        }
        ports
    }

    /// Opens and shuts doors. They stay at their ports, and what the device does not have stays off.
    fn set_net_port(&self, change: &Value) -> Result<Value, Refusal> {
        let before = self.net_port();
        for (name, value) in change.as_object().ok_or(INVALID)? {
            let known = before.get(name).ok_or(INVALID)?;
            let number = value.as_u64().filter(|number| *number <= 65_535).ok_or(INVALID)?;
            let door = matches!(name.as_str(), "httpEnable" | "httpsEnable" | "rtspEnable") && number <= 1;
            if !door && *known != number {
                return Err(Refusal(-13, "set config failed"));
            }
        }
        for (way, name) in Way::ALL.into_iter().zip(["httpEnable", "httpsEnable", "rtspEnable"]) {
            match change[name].as_u64() {
                Some(0) => self.doors.shut(way),
                Some(_) => {
                    let own = self.own.upgrade().ok_or(Refusal(-13, "set config failed"))?;
                    own.admit_by(way).map_err(|_| Refusal(-13, "set config failed"))?;
                }
                None => {}
            }
        }
        done()
    }

    fn time(&self) -> Value {
        let clock = *lock(&self.clock);
        let mut time = clock::broken_down(clock.shows(self.world.clock.now()));
        time["hourFmt"] = 0.into();
        time["timeFmt"] = "DD/MM/YYYY".into();
        time["timeZone"] = clock.zone.into();
        let dst = json!({
            "enable": 0, "endHour": 2, "endMin": 0, "endMon": 10, "endSec": 0, "endWeek": 5, "endWeekday": 0, "offset": 1,
            "startHour": 2, "startMin": 0, "startMon": 3, "startSec": 0, "startWeek": 5, "startWeekday": 0,
        });
        json!({"Dst": dst, "Time": time})
    }

    fn set_time(&self, change: &Value) -> Result<Value, Refusal> {
        let shown = clock::told(change)?;
        let zone = match &change["timeZone"] {
            Value::Null => lock(&self.clock).zone,
            zone => zone.as_i64().filter(|zone| zone.abs() <= 14 * 3600).ok_or(INVALID)? as i32,
        };
        let right = Clock { skew: 0, zone };
        let skew = right.moment(shown).ok_or(INVALID)?.micros_from(self.world.clock.now());
        *lock(&self.clock) = Clock { skew: (skew as f64 / 1e6).round() as i64, zone };
        done()
    }

    fn disks(&self) -> Value {
        let (capacity, free, number) = match self.model {
            Model::Recorder => (3_815_447, 1_204_112, 0),
            Model::Camera | Model::Battery => (59_637, 12_000, 0),
        };
        let kind = if self.model == Model::Recorder { 1 } else { 2 };
        json!([{"capacity": capacity, "format": 1, "mount": 1, "number": number, "size": free, "storageType": kind}])
    }

    fn battery(&self) -> Value {
        json!({
            "adapterStatus": "solarPanel", "batteryPercent": 76, "batteryVersion": 2, "channel": 0, "chargeStatus": "none",
            "current": -13, "lowPower": 0, "sleep": i32::from(self.sleeps()), "temperature": 21, "voltage": 3870,
        })
    }

    fn channel_status(&self) -> Value {
        let status = (0..self.model.channels()).map(|number| {
            let online = self.channel(number).is_ok();
            json!({
                "channel": number, "name": if online { self.shown_name(number) } else { String::new() },
                "online": i32::from(online), "sleep": i32::from(online && self.sleeps()),
                "typeInfo": if online { self.camera_model() } else { "" },
                "uid": if online { self.model.uid(number + 1) } else { String::new() },
            })
        });
        json!({"count": self.model.channels(), "status": status.collect::<Vec<_>>()})
    }

    /// The model of the cameras at the channels.
    fn camera_model(&self) -> &'static str {
        if self.model == Model::Recorder { Model::Camera.name() } else { self.model.name() }
    }

    fn channel_type(&self) -> Value {
        let camera = if self.model == Model::Recorder { Model::Camera } else { self.model };
        json!({"boardInfo": camera.hardware(), "firmVer": camera.firmware(), "pakSuffix": "pak", "typeInfo": camera.name()})
    }

    fn abilities(&self) -> Value {
        let wired = i32::from(self.model != Model::Battery);
        let host = [
            ("rtsp", 1),
            ("onvif", 0),
            ("rtmp", 0),
            ("httpFlv", 0),
            ("wifi", i32::from(self.model.on_wifi())),
            ("upgrade", 1),
            ("reboot", 1),
            ("performance", wired),
            ("p2p", 1),
            ("hdd", 1),
            ("scheduleVersion", 1),
            ("time", 1),
            ("ntp", 1),
        ];
        let channel = [
            ("mask", 1),
            ("recReplay", 1),
            ("recDownload", 1),
            ("battery", 1 - wired),
            ("mdWithPir", 1 - wired),
            ("alarmAudio", 1),
            ("ledControl", 1),
            ("powerLed", 1),
            ("ispDayNight", 1),
            ("floodLight", 1),
            ("supportWebhook", 1),
            ("supportAi", 1),
            ("supportAiPeople", 1),
            ("supportAiVehicle", 1),
            ("supportAiDogCat", 1),
            ("ptzType", 3 * wired),
            ("ptzPreset", wired),
            ("snap", 1),
            ("osd", 1),
        ];
        let mut ability = granted(&host);
        let channels = (0..self.model.channels()).map(|_| granted(&channel).into());
        ability.insert("abilityChn".into(), channels.collect::<Vec<Value>>().into());
        ability.into()
    }

    fn online(&self) -> Vec<Value> {
        let shown = |session: session::Session| {
            json!({
                "canbeDisconn": 1, "ip": session.peer.to_string(), "level": "admin", "sessionId": session.id,
                "userName": self.sessions.credentials().username,
            })
        };
        self.sessions.list().into_iter().map(shown).collect()
    }

    fn disconnect(&self, param: &Value) -> Result<Value, Refusal> {
        let id = param["User"]["sessionId"].as_u64().ok_or(INVALID)?;
        if self.sessions.disconnect(id) { done() } else { Err(Refusal(-1, "not exist")) }
    }

    fn system(&self) -> Value {
        json!({
            "LockTime": session::LOCK.as_secs(), "allowedTimes": session::TRIES,
            "loginLock": i32::from(self.sessions.is_locked()),
        })
    }

    fn urls(&self, number: usize) -> Value {
        let at = std::net::SocketAddr::from((self.doors.address(), self.doors.port(Way::Rtsp)));
        let url = |stream: &str| format!("rtsp://{at}/Preview_{:02}_{stream}", number + 1);
        json!({"channel": number, "mainStream": url("main"), "subStream": url("sub")})
    }

    fn encodings(&self, param: &Value) -> Option<Value> {
        let number = channel_of(param);
        let channel = self.channel(number).ok()?;
        Some(json!({"Enc": [encoding(number, channel)]}))
    }

    fn events(&self, channel: usize) -> Value {
        let found = self.detects(channel);
        let state = |alarm, support: bool| json!({"alarm_state": i32::from(found.contains(&alarm)), "support": i32::from(support)});
        let visits = found.contains(&Alarm::Visitor);
        json!({
            "ai": self.ai(channel, false), "channel": channel,
            "md": state(Alarm::Motion, true), "visitor": state(Alarm::Visitor, visits),
        })
    }

    /// What is detected by kind; with the channel in it for `GetAiState`.
    fn ai(&self, channel: usize, numbered: bool) -> Value {
        let found = self.detects(channel);
        let state = |alarm| json!({"alarm_state": i32::from(found.contains(&alarm)), "support": 1});
        let mut ai = json!({
            "dog_cat": state(Alarm::Animal), "face": state(Alarm::Face), "package": state(Alarm::Package),
            "people": state(Alarm::Person), "vehicle": state(Alarm::Vehicle),
        });
        if numbered {
            ai["channel"] = channel.into();
        }
        ai
    }

    fn sound(&self, param: &Value) -> Result<Value, Refusal> {
        match (param["alarm_mode"].as_str(), param["times"].as_u64(), param["manual_switch"].as_u64()) {
            (Some("times"), Some(1..=100), _) | (Some("manu"), _, Some(0 | 1)) => self.act(),
            _ => Err(INVALID),
        }
    }

    fn act(&self) -> Result<Value, Refusal> {
        self.actions.fetch_add(1, Ordering::Relaxed);
        done()
    }

    fn move_lens(&self, channel: usize, param: &Value) -> Result<Value, Refusal> {
        if self.model == Model::Battery {
            return Err(Refusal(-26, "ability error"));
        }
        let speed =
            param.get("speed").is_none_or(|speed| speed.as_u64().is_some_and(|speed| (1..=64).contains(&speed)));
        let known = match param["op"].as_str().ok_or(INVALID)? {
            "Stop" | "Left" | "Right" | "Up" | "Down" | "LeftUp" | "LeftDown" | "RightUp" | "RightDown" => true,
            "ZoomInc" | "ZoomDec" | "FocusInc" | "FocusDec" | "IrisInc" | "IrisDec" => true,
            "Auto" | "StartPatrol" | "StopPatrol" => true,
            "ToPos" => {
                let id = param["id"].as_u64();
                id.is_some_and(|id| lock(&self.presets).iter().any(|(at, preset, _)| (*at, *preset) == (channel, id)))
            }
            _ => false,
        };
        if known && speed { self.act() } else { Err(INVALID) }
    }

    fn presets(&self, channel: usize) -> Result<Value, Refusal> {
        if self.model == Model::Battery {
            return Err(UNSUPPORTED);
        }
        let set = lock(&self.presets);
        let preset = |id: u64| {
            let name =
                set.iter().find(|(at, preset, _)| (*at, *preset) == (channel, id)).map(|(.., name)| name.clone());
            let enable = i32::from(name.is_some());
            json!({"channel": channel, "enable": enable, "id": id, "imgName": "", "name": name.unwrap_or_else(|| format!("pos{id}"))})
        };
        Ok(json!({"PtzPreset": (1..=64).map(preset).collect::<Vec<_>>()}))
    }

    fn set_preset(&self, change: &Value) -> Result<Value, Refusal> {
        let channel = channel_of(change);
        self.channel(channel)?;
        let id = change["id"].as_u64().filter(|id| (1..=64).contains(id)).ok_or(INVALID)?;
        let name = change["name"].as_str().unwrap_or_default();
        if name.len() > 31 {
            return Err(Refusal(-22, "string too long"));
        }
        let mut presets = lock(&self.presets);
        presets.retain(|(at, preset, _)| (*at, *preset) != (channel, id));
        if change["enable"] != 0 {
            presets.insert((channel, id, name.to_owned()));
        }
        done()
    }

    /// Sessions end and streams are cut; settings stay.
    fn reboot(&self) -> Result<Value, Refusal> {
        self.reboots.fetch_add(1, Ordering::Relaxed);
        self.sessions.expire();
        self.channels.iter().for_each(|channel| channel.camera.cut(false));
        done()
    }
}

/// The command of an item.
fn name(item: &Value) -> &str {
    item["cmd"].as_str().unwrap_or("Unknown")
}

/// What setters answer.
fn done() -> Result<Value, Refusal> {
    Ok(json!({"rspCode": 200}))
}

/// An error as real firmware prints it: code 1, whatever the guide says.
pub(super) fn refused(command: &str, Refusal(code, detail): Refusal) -> Value {
    json!({"cmd": command, "code": 1, "error": {"detail": detail, "rspCode": code}})
}

/// The channel that a command names, at its top or beside the setting that it carries; the first unless said.
pub(super) fn channel_of(param: &Value) -> usize {
    let inner = || param.as_object()?.values().find_map(|value| value.get("channel"));
    let channel = param.get("channel").or_else(inner).and_then(Value::as_u64);
    channel.and_then(|channel| usize::try_from(channel).ok()).unwrap_or(0)
}

fn granted(abilities: &[(&str, i32)]) -> Map<String, Value> {
    abilities.iter().map(|(name, version)| ((*name).into(), json!({"permit": 7, "ver": version}))).collect()
}

fn encoding(number: usize, channel: &Channel) -> Value {
    let stream = |index: usize, rate: u32| {
        let video = channel.camera.streams[index].params().video.clone();
        json!({
            "bitRate": rate, "frameRate": video.fps.unwrap_or(15.0).round() as u32, "gop": 2, "height": video.height,
            "profile": "Base", "size": format!("{}*{}", video.width, video.height),
            "vType": if video.codec == VideoCodec::H265 { "h265" } else { "h264" }, "width": video.width,
        })
    };
    let audio = channel.camera.streams[0].params().audio.is_some();
    json!({"audio": i32::from(audio), "channel": number, "mainStream": stream(0, 1800), "subStream": stream(1, 250)})
}
