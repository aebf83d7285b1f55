//! Animated figures in GIF files: a background, and frames in front of it.

use gif::{Encoder, Repeat};

use super::png::Canvas;
use super::scene::{Drawing, Format, Item, WrongFormat};
use std::path::Path as FilePath;

/// A drawing on white that changes over time and repeats for ever.
#[derive(Clone, Debug, PartialEq)]
pub struct Animation {
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    /// The items that stay, from back to front.
    pub background: Vec<Item>,
    /// The frames that are drawn over the background, one after the other. There is at least one.
    pub frames: Vec<Frame>,
}

/// What is drawn for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The items, from back to front.
    pub items: Vec<Item>,
    /// How long the frame is shown, in hundredths of a second.
    pub hundredths: u16,
}

/// The longest edge in pixels that a GIF can have.
const LARGEST: f64 = 65_535.0;
/// The effort for choosing colors if a frame has more than 256 of them: from 1 (best colors) to 30 (least work).
const SPEED: i32 = 10;

/// Red, green, blue and opacity.
type Pixel = [u8; 4];

impl Animation {
    /// The animation as a GIF that repeats for ever. Each pixel of the figure is one pixel of the image.
    pub fn to_gif(&self) -> Vec<u8> {
        let mut still = Canvas::new(self.width.min(LARGEST), self.height.min(LARGEST), 1.0);
        still.draw(&self.background);
        let [width, height] = [still.pixels.width(), still.pixels.height()].map(|edge| edge as u16);
        let mut file = Vec::new();
        let memory = "writing into memory cannot fail";
        let mut encoder = Encoder::new(&mut file, width, height, &[]).expect(memory);
        encoder.set_repeat(Repeat::Infinite).expect(memory);
        let mut before: Vec<u8> = Vec::new();
        for frame in &self.frames {
            let mut canvas = still.clone();
            canvas.draw(&frame.items);
            let now = canvas.pixels.take(); // everything is opaque on white, so premultiplied colors are plain colors
            let change = difference(before.as_chunks().0, now.as_chunks().0, width);
            encoder.write_frame(&gif::Frame { delay: frame.hundredths, ..change }).expect(memory);
            before = now;
        }
        drop(encoder);
        file
    }
}

impl Drawing for Animation {
    fn encode(&self, path: impl AsRef<FilePath>) -> Result<Vec<u8>, WrongFormat> {
        match Format::of(&path)? {
            Format::Gif => Ok(self.to_gif()),
            Format::Svg | Format::Png => Err(WrongFormat::new(path.as_ref(), ".gif: it moves")),
        }
    }
}

/// The frame that turns the image `before` into `now`. It is the smallest rectangle that contains all changes, and everything
/// else in it is transparent. It is the whole image if there was none before.
fn difference(before: &[Pixel], now: &[Pixel], width: u16) -> gif::Frame<'static> {
    let columns = usize::from(width);
    let changed = |i: &usize| before.get(*i) != now.get(*i);
    let (mut left, mut right, mut top, mut bottom) = (columns - 1, 0, now.len() / columns - 1, 0);
    for i in (0..now.len()).filter(changed) {
        (left, right) = (left.min(i % columns), right.max(i % columns));
        (top, bottom) = (top.min(i / columns), bottom.max(i / columns));
    }
    if left > right {
        (left, right, top, bottom) = (0, 0, 0, 0); // nothing changed: one pixel with its old color
    }
    let pixels = (top..=bottom).flat_map(|row| (left..=right).map(move |column| row * columns + column));
    let mut rgba: Vec<u8> = pixels.flat_map(|i| if changed(&i) { now[i] } else { [0; 4] }).collect();
    let [width, height] = [right - left + 1, bottom - top + 1].map(|edge| edge as u16);
    gif::Frame {
        left: left as u16,
        top: top as u16,
        dispose: gif::DisposalMethod::Keep,
        ..gif::Frame::from_rgba_speed(width, height, &mut rgba, SPEED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Color, Path};

    fn square(x: f64, color: u32) -> Item {
        Item::Path(Path::area(vec![[x, 2.0], [x + 4.0, 2.0], [x + 4.0, 6.0], [x, 6.0]], Color::hex(color)))
    }

    fn moving() -> Animation {
        let frame = |x| Frame { items: vec![square(x, 0xD55E00)], hundredths: 4 };
        let frames = vec![frame(1.0), frame(7.0), frame(7.0)];
        Animation { width: 20.0, height: 10.0, background: vec![square(14.0, 0x0072B2)], frames }
    }

    /// The images that a viewer shows.
    fn viewed(gif: &[u8]) -> Vec<Vec<[u8; 3]>> {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(gif).unwrap();
        let mut screen = vec![[1, 2, 3]; 200];
        let mut images = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            for (i, pixel) in frame.buffer.chunks(4).enumerate().filter(|(_, pixel)| pixel[3] > 0) {
                let (row, column) = (i / usize::from(frame.width), i % usize::from(frame.width));
                let place = (row + usize::from(frame.top)) * 20 + column + usize::from(frame.left);
                screen[place] = [pixel[0], pixel[1], pixel[2]];
            }
            images.push(screen.clone());
        }
        images
    }

    #[test]
    fn a_viewer_sees_every_frame() {
        let gif = moving().to_gif();
        assert_eq!(gif, moving().to_gif(), "the same bytes again");
        let images = viewed(&gif);
        assert_eq!(images.len(), 3);
        let at = |image: usize, x: usize| images[image][4 * 20 + x];
        let (red, blue, white) = ([0xD5, 0x5E, 0x00], [0x00, 0x72, 0xB2], [255, 255, 255]);
        assert_eq!([at(0, 2), at(0, 8), at(0, 15)], [red, white, blue]);
        assert_eq!([at(1, 2), at(1, 8), at(1, 15)], [white, red, blue]);
        assert_eq!(images[2], images[1]);
        assert!(gif.windows(11).any(|bytes| bytes == b"NETSCAPE2.0"), "it begins again");
    }

    #[test]
    fn odd_animations_are_written() {
        for (width, height) in [(0.0, -5.0), (f64::NAN, 3.0), (1e9, 1.0)] {
            for frames in [vec![], vec![Frame { items: vec![square(0.0, 0)], hundredths: 0 }]] {
                let animation = Animation { width, height, background: vec![], frames };
                assert!(animation.to_gif().starts_with(b"GIF89a"));
            }
        }
        assert!(moving().encode("a.gif").unwrap().starts_with(b"GIF89a"));
        assert!(moving().encode("a.png").unwrap_err().to_string().contains("must end in .gif"));
    }

    #[test]
    fn many_colors_find_a_near_one() {
        let all = || (0..=255u8).flat_map(|r| (0..=15).map(move |g| [r, 17 * g, 128]));
        let now: Vec<Pixel> = all().map(|[r, g, b]| [r, g, b, 255]).collect();
        let frame = difference(&[], &now, 64);
        let palette = frame.palette.unwrap();
        let near = frame.buffer.iter().map(|index| &palette[3 * usize::from(*index)..][..3]);
        let pairs = all().zip(near).flat_map(|(color, near)| color.into_iter().zip(near));
        let mean = pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / (3 * now.len()) as f64;
        assert!(palette.len() <= 768 && mean < 10.0, "{mean}");
    }
}
