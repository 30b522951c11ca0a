//! A small rasteriser: shapes with soft edges on an RGB canvas of 1280x720, and its copy in YUV 4:2:0.

/// Width of every scene in pixels.
pub(crate) const WIDTH: usize = 1280;
/// Height of every scene in pixels.
pub(crate) const HEIGHT: usize = 720;

/// A colour, each part from 0 to 1 as a screen shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rgb(pub f32, pub f32, pub f32);

impl Rgb {
    /// From the usual six digits.
    pub const fn hex(code: u32) -> Self {
        Self((code >> 16 & 255) as f32 / 255.0, (code >> 8 & 255) as f32 / 255.0, (code & 255) as f32 / 255.0)
    }

    /// Brighter or darker.
    pub fn lit(self, factor: f32) -> Self {
        Self(self.0 * factor, self.1 * factor, self.2 * factor)
    }

    /// A part `t` of the way to another colour.
    pub fn mix(self, other: Rgb, t: f32) -> Self {
        let blend = |a: f32, b: f32| a + (b - a) * t.clamp(0.0, 1.0);
        Self(blend(self.0, other.0), blend(self.1, other.1), blend(self.2, other.2))
    }
}

/// A point, in pixels of the canvas.
pub(crate) type Point = (f32, f32);

/// An outline that can be filled.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Ellipse {
        centre: Point,
        radii: Point,
    },
    /// A rectangle from its upper left corner, with rounded corners.
    Rect {
        at: Point,
        size: Point,
        round: f32,
    },
    /// A limb: two round ends of different size and what lies between.
    Limb {
        from: Point,
        to: Point,
        radii: Point,
    },
    Polygon(Vec<Point>),
}

impl Shape {
    pub fn ellipse(x: f32, y: f32, rx: f32, ry: f32) -> Self {
        Shape::Ellipse { centre: (x, y), radii: (rx, ry) }
    }

    pub fn rect(x: f32, y: f32, width: f32, height: f32) -> Self {
        Shape::Rect { at: (x, y), size: (width, height), round: 0.0 }
    }

    pub fn rounded(x: f32, y: f32, width: f32, height: f32, round: f32) -> Self {
        Shape::Rect { at: (x, y), size: (width, height), round }
    }

    pub fn limb(from: Point, to: Point, thick: f32, thin: f32) -> Self {
        Shape::Limb { from, to, radii: (thick / 2.0, thin / 2.0) }
    }

    pub fn line(from: Point, to: Point, width: f32) -> Self {
        Self::limb(from, to, width, width)
    }

    pub fn polygon(points: &[Point]) -> Self {
        Shape::Polygon(points.to_vec())
    }

    /// Left, top, right, bottom.
    fn bounds(&self) -> [f32; 4] {
        match self {
            Shape::Ellipse { centre: (x, y), radii: (rx, ry) } => [x - rx, y - ry, x + rx, y + ry],
            Shape::Rect { at: (x, y), size: (w, h), .. } => [*x, *y, x + w, y + h],
            Shape::Limb { from, to, radii } => {
                let r = radii.0.max(radii.1);
                [from.0.min(to.0) - r, from.1.min(to.1) - r, from.0.max(to.0) + r, from.1.max(to.1) + r]
            }
            Shape::Polygon(points) => points.iter().fold([f32::MAX, f32::MAX, f32::MIN, f32::MIN], |b, p| {
                [b[0].min(p.0), b[1].min(p.1), b[2].max(p.0), b[3].max(p.1)]
            }),
        }
    }

    /// Distance of a point from the edge in pixels, negative inside (exact but for ellipses, where it is close).
    fn distance(&self, x: f32, y: f32) -> f32 {
        match self {
            Shape::Ellipse { centre, radii } => {
                let (dx, dy) = ((x - centre.0) / radii.0, (y - centre.1) / radii.1);
                let (gx, gy) = (dx / radii.0, dy / radii.1);
                let k = (dx * dx + dy * dy).sqrt();
                if k < 1e-4 { -radii.0.min(radii.1) } else { k * (k - 1.0) / (gx * gx + gy * gy).sqrt() }
            }
            Shape::Rect { at, size, round } => {
                let (dx, dy) = (
                    (x - at.0 - size.0 / 2.0).abs() - size.0 / 2.0 + round,
                    (y - at.1 - size.1 / 2.0).abs() - size.1 / 2.0 + round,
                );
                dx.max(dy).min(0.0) + (dx.max(0.0).powi(2) + dy.max(0.0).powi(2)).sqrt() - round
            }
            Shape::Limb { from, to, radii } => {
                let (dx, dy) = (to.0 - from.0, to.1 - from.1);
                let along = ((x - from.0) * dx + (y - from.1) * dy) / (dx * dx + dy * dy).max(1e-6);
                let t = along.clamp(0.0, 1.0);
                let (px, py) = (x - from.0 - dx * t, y - from.1 - dy * t);
                (px * px + py * py).sqrt() - (radii.0 + (radii.1 - radii.0) * t)
            }
            Shape::Polygon(points) => polygon_distance(points, x, y),
        }
    }
}

fn polygon_distance(points: &[Point], x: f32, y: f32) -> f32 {
    let mut nearest = f32::MAX;
    let mut inside = false;
    let mut previous = points.last().copied().unwrap_or((0.0, 0.0));
    for &point in points {
        let (ex, ey) = (previous.0 - point.0, previous.1 - point.1);
        let (wx, wy) = (x - point.0, y - point.1);
        let t = ((wx * ex + wy * ey) / (ex * ex + ey * ey).max(1e-6)).clamp(0.0, 1.0);
        nearest = nearest.min((wx - ex * t).powi(2) + (wy - ey * t).powi(2));
        if (point.1 > y) != (previous.1 > y) && x < point.0 + ex * (y - point.1) / ey {
            inside = !inside;
        }
        previous = point;
    }
    if inside { -nearest.sqrt() } else { nearest.sqrt() }
}

/// A rectangle of pixels: left, top, right, bottom; right and bottom lie outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub left: usize,
    pub top: usize,
    pub right: usize,
    pub bottom: usize,
}

impl Area {
    /// The whole canvas.
    pub const WHOLE: Area = Area { left: 0, top: 0, right: WIDTH, bottom: HEIGHT };

    /// Grown so that its edges fall on multiples of `step`.
    pub fn aligned(self, step: usize) -> Self {
        let up = |value: usize, most: usize| value.next_multiple_of(step).min(most);
        Area {
            left: self.left / step * step,
            top: self.top / step * step,
            right: up(self.right, WIDTH),
            bottom: up(self.bottom, HEIGHT),
        }
    }
}

/// Where shapes are painted.
#[derive(Clone)]
pub(crate) struct Canvas {
    pixels: Vec<[u8; 3]>,
    /// What was painted since this was last emptied.
    pub damage: Vec<Area>,
}

impl Canvas {
    /// A black canvas.
    pub fn new() -> Self {
        Self { pixels: vec![[0; 3]; WIDTH * HEIGHT], damage: Vec::new() }
    }

    /// Fills a shape with one colour.
    pub fn fill(&mut self, shape: &Shape, colour: Rgb) {
        self.paint(shape, 1.0, 0.5, |_, _| colour);
    }

    /// Fills a shape with one colour that lets the ground through.
    pub fn glaze(&mut self, shape: &Shape, colour: Rgb, opacity: f32) {
        self.paint(shape, opacity, 0.5, |_, _| colour);
    }

    /// Fills a shape whose edge fades over `soft` pixels on either side: shadows and light.
    pub fn haze(&mut self, shape: &Shape, colour: Rgb, opacity: f32, soft: f32) {
        self.paint(shape, opacity, soft, |_, _| colour);
    }

    /// Fills a shape from one colour at its top to another at its bottom.
    pub fn shade(&mut self, shape: &Shape, top: Rgb, bottom: Rgb) {
        let [_, from, _, to] = shape.bounds();
        self.paint(shape, 1.0, 0.5, |_, y| top.mix(bottom, (y - from) / (to - from).max(1.0)));
    }

    /// Fills a shape with a colour that depends on the place.
    pub fn texture(&mut self, shape: &Shape, colour: impl Fn(f32, f32) -> Rgb) {
        self.paint(shape, 1.0, 0.5, colour);
    }

    fn paint(&mut self, shape: &Shape, opacity: f32, soft: f32, colour: impl Fn(f32, f32) -> Rgb) {
        // The distance from a flat ellipse is told too small beside its ends: its haze reaches farther.
        let reach = if soft > 1.0 && matches!(shape, Shape::Ellipse { .. }) { 3.0 * soft } else { soft };
        let Some(area) = area(shape.bounds(), reach) else { return };
        for y in area.top..area.bottom {
            for x in area.left..area.right {
                let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
                let cover = (0.5 - shape.distance(px, py) / (2.0 * soft)).clamp(0.0, 1.0);
                if cover > 0.0 {
                    // Wide edges look rounder when they ease in and out.
                    let cover = if soft > 1.0 { cover * cover * (3.0 - 2.0 * cover) } else { cover };
                    blend(&mut self.pixels[y * WIDTH + x], colour(px, py), cover * opacity, x, y);
                }
            }
        }
        self.damage.push(area);
    }

    /// Changes every pixel: the light of the scene.
    pub fn grade(&mut self, light: impl Fn(Rgb, f32, f32) -> Rgb) {
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let pixel = &mut self.pixels[y * WIDTH + x];
                let colour = Rgb(f32::from(pixel[0]) / 255.0, f32::from(pixel[1]) / 255.0, f32::from(pixel[2]) / 255.0);
                blend(pixel, light(colour, x as f32, y as f32), 1.0, x, y);
            }
        }
    }

    /// Copies one area of another canvas.
    pub fn restore(&mut self, from: &Canvas, area: Area) {
        for y in area.top..area.bottom {
            let row = y * WIDTH + area.left..y * WIDTH + area.right;
            self.pixels[row.clone()].copy_from_slice(&from.pixels[row]);
        }
    }

    /// Converts one area, whose edges are even, to YUV (BT.709, limited range).
    pub fn convert(&self, area: Area, into: &mut Yuv) {
        for y in (area.top..area.bottom).step_by(2) {
            for x in (area.left..area.right).step_by(2) {
                self.convert_block(x, y, into);
            }
        }
    }

    fn convert_block(&self, x: usize, y: usize, into: &mut Yuv) {
        let mut sum = [0i32; 3];
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let at = (y + dy) * WIDTH + x + dx;
            let [r, g, b] = self.pixels[at].map(i32::from);
            into.y[at] = (16 + ((11966 * r + 40254 * g + 4064 * b + 32768) >> 16)) as u8;
            sum = [sum[0] + r, sum[1] + g, sum[2] + b];
        }
        let [r, g, b] = sum;
        let at = y / 2 * (WIDTH / 2) + x / 2;
        into.u[at] = (128 + ((-6596 * r - 22189 * g + 28784 * b + 131_072) >> 18)) as u8;
        into.v[at] = (128 + ((28784 * r - 26145 * g - 2639 * b + 131_072) >> 18)) as u8;
    }
}

fn blend(pixel: &mut [u8; 3], colour: Rgb, cover: f32, x: usize, y: usize) {
    // An ordered dither keeps gradients from showing steps.
    let dither = f32::from(BAYER[y % 4][x % 4]) / 16.0 + 1.0 / 32.0;
    for (old, new) in pixel.iter_mut().zip([colour.0, colour.1, colour.2]) {
        let value = f32::from(*old) + (new * 255.0 - f32::from(*old)) * cover;
        *old = if cover >= 1.0 { (value + dither) as u8 } else { (value + 0.5) as u8 };
    }
}

const BAYER: [[u8; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

fn area(bounds: [f32; 4], soft: f32) -> Option<Area> {
    let low = |value: f32| (value - soft - 0.5).max(0.0) as usize;
    let high = |value: f32, most: usize| ((value + soft + 1.5).max(0.0) as usize).min(most);
    let area = Area {
        left: low(bounds[0]),
        top: low(bounds[1]),
        right: high(bounds[2], WIDTH),
        bottom: high(bounds[3], HEIGHT),
    };
    (area.left < area.right && area.top < area.bottom).then_some(area)
}

/// A picture as encoders take it: planar YUV 4:2:0.
#[derive(Clone)]
pub(crate) struct Yuv {
    pub width: usize,
    pub height: usize,
    pub y: Vec<u8>,
    pub u: Vec<u8>,
    pub v: Vec<u8>,
}

impl Yuv {
    /// A black picture.
    pub fn new(width: usize, height: usize) -> Self {
        let quarter = width / 2 * (height / 2);
        Self { width, height, y: vec![16; width * height], u: vec![128; quarter], v: vec![128; quarter] }
    }

    /// Halves one area, whose edges are multiples of four, of a picture twice as wide and high.
    pub fn halve(&mut self, from: &Yuv, area: Area) {
        let Area { left, top, right, bottom } = area;
        halve_plane(&from.y, from.width, &mut self.y, self.width, [left / 2, top / 2, right / 2, bottom / 2]);
        let quarter = [left / 4, top / 4, right / 4, bottom / 4];
        halve_plane(&from.u, from.width / 2, &mut self.u, self.width / 2, quarter);
        halve_plane(&from.v, from.width / 2, &mut self.v, self.width / 2, quarter);
    }

    /// Blackens a part of the picture: left, top, right, bottom from 0 to 1, outwards to whole pairs of pixels.
    pub fn blacken(&mut self, [left, top, right, bottom]: [f32; 4]) {
        let pair = |part: f32, size: usize, outwards: fn(f32) -> f32| {
            (outwards(part.clamp(0.0, 1.0) * (size / 2) as f32) as usize).min(size / 2)
        };
        let columns = pair(left, self.width, f32::floor)..pair(right, self.width, f32::ceil);
        for row in pair(top, self.height, f32::floor)..pair(bottom, self.height, f32::ceil) {
            let half = self.width / 2;
            self.u[row * half..][columns.clone()].fill(128);
            self.v[row * half..][columns.clone()].fill(128);
            for row in [2 * row, 2 * row + 1] {
                self.y[row * self.width..][2 * columns.start..2 * columns.end].fill(16);
            }
        }
    }

    /// A copy three quarters as wide and high; each pixel is the nearest mix of four.
    pub fn three_quarters(&self) -> Yuv {
        let mut small = Yuv::new(self.width / 4 * 3, self.height / 4 * 3);
        let (width, height) = (small.width, small.height);
        shrink_plane(&self.y, self.width, &mut small.y, width, height);
        shrink_plane(&self.u, self.width / 2, &mut small.u, width / 2, height / 2);
        shrink_plane(&self.v, self.width / 2, &mut small.v, width / 2, height / 2);
        small
    }
}

impl openh264::formats::YUVSource for Yuv {
    fn dimensions(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.width, self.width / 2, self.width / 2)
    }

    fn y(&self) -> &[u8] {
        &self.y
    }

    fn u(&self) -> &[u8] {
        &self.u
    }

    fn v(&self) -> &[u8] {
        &self.v
    }
}

fn halve_plane(
    from: &[u8],
    from_stride: usize,
    to: &mut [u8],
    to_stride: usize,
    [left, top, right, bottom]: [usize; 4],
) {
    for y in top..bottom {
        let upper = &from[2 * y * from_stride + 2 * left..][..2 * (right - left)];
        let lower = &from[(2 * y + 1) * from_stride + 2 * left..][..2 * (right - left)];
        let row = &mut to[y * to_stride + left..y * to_stride + right];
        for ((pixel, a), b) in row.iter_mut().zip(upper.chunks_exact(2)).zip(lower.chunks_exact(2)) {
            *pixel = ((u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]) + 2) / 4) as u8;
        }
    }
}

fn shrink_plane(from: &[u8], from_stride: usize, to: &mut [u8], width: usize, height: usize) {
    // Output pixel n lies at 4n/3 + 1/6 of the input: weights of its two neighbours, in sixths.
    let taps = |n: usize| (n / 3 * 4 + [0, 1, 2][n % 3], [[5u32, 1], [3, 3], [1, 5]][n % 3]);
    for y in 0..height {
        let (row, wy) = taps(y);
        for x in 0..width {
            let (column, wx) = taps(x);
            let at = |dy: usize, dx: usize| u32::from(from[(row + dy) * from_stride + column + dx]) * wy[dy] * wx[dx];
            to[y * width + x] = ((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1) + 18) / 36) as u8;
        }
    }
}

/// Smooth noise from 0 to 1 that changes over about one unit.
pub(crate) fn noise(x: f32, y: f32) -> f32 {
    let (cell_x, cell_y) = (x.floor(), y.floor());
    let (fx, fy) = (x - cell_x, y - cell_y);
    let (sx, sy) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
    let at = |dx: i32, dy: i32| chance((cell_x as i32 + dx) as u32, (cell_y as i32 + dy) as u32);
    let (upper, lower) = (at(0, 0) + (at(1, 0) - at(0, 0)) * sx, at(0, 1) + (at(1, 1) - at(0, 1)) * sx);
    upper + (lower - upper) * sy
}

/// Noise with finer and finer detail.
pub(crate) fn cloud(x: f32, y: f32) -> f32 {
    (0..4)
        .fold((0.0, 0.5), |(sum, part), octave| {
            let scale = (1 << octave) as f32;
            (sum + part * noise(x * scale + 17.0 * octave as f32, y * scale), part / 2.0)
        })
        .0
        / 0.9375
}

/// A number from 0 to 1 that depends only on the two given: chance that a scene repeats each time.
pub(crate) fn chance(a: u32, b: u32) -> f32 {
    let mut mixed = a.wrapping_mul(0x9E37_79B1) ^ b.wrapping_mul(0x85EB_CA77);
    mixed = (mixed ^ mixed >> 15).wrapping_mul(0x2C1B_3C6D);
    mixed = (mixed ^ mixed >> 12).wrapping_mul(0x297A_2D39);
    ((mixed ^ mixed >> 15) >> 8) as f32 / (1 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_and_black_reach_the_ends_of_the_limited_range_and_grey_has_no_colour() {
        let mut canvas = Canvas::new();
        canvas.fill(&Shape::rect(0.0, 0.0, 64.0, 64.0), Rgb(1.0, 1.0, 1.0));
        let mut yuv = Yuv::new(WIDTH, HEIGHT);
        canvas.convert(Area::WHOLE, &mut yuv);
        assert_eq!((yuv.y[10 * WIDTH + 10], yuv.y[100 * WIDTH + 100]), (235, 16));
        assert!(yuv.u.iter().chain(&yuv.v).all(|&chroma| chroma == 128));
    }

    #[test]
    fn what_was_painted_can_be_taken_back() {
        let ground = Canvas::new();
        let mut canvas = ground.clone();
        canvas.fill(&Shape::ellipse(100.3, 80.7, 30.0, 20.0), Rgb(1.0, 0.0, 0.0));
        canvas.fill(&Shape::limb((-50.0, 10.0), (20.0, 900.0), 9.0, 3.0), Rgb(0.0, 1.0, 0.0));
        assert!(canvas.pixels != ground.pixels);
        for area in std::mem::take(&mut canvas.damage) {
            canvas.restore(&ground, area);
        }
        assert!(canvas.pixels == ground.pixels);
    }

    #[test]
    fn scaled_pictures_keep_flat_areas_flat() {
        let mut yuv = Yuv::new(WIDTH, HEIGHT);
        yuv.y.fill(77);
        let mut half = Yuv::new(WIDTH / 2, HEIGHT / 2);
        half.halve(&yuv, Area::WHOLE);
        let small = yuv.three_quarters();
        assert_eq!((small.width, small.height), (960, 540));
        assert!(half.y.iter().chain(&small.y).all(|&luma| luma == 77));
    }

    #[test]
    fn a_mask_blackens_its_part_of_a_picture_and_no_more() {
        let mut picture = Yuv::new(8, 8);
        picture.y.fill(200);
        picture.u.fill(90);
        picture.blacken([0.5, 0.0, 1.0, 0.25]);
        assert_eq!(picture.y.iter().filter(|luma| **luma == 16).count(), 8);
        assert_eq!(
            (picture.y[4], picture.y[3], picture.y[16 + 4], picture.u[2], picture.u[1]),
            (16, 200, 200, 128, 90)
        );
    }
}
