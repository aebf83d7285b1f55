//! Figures that move, as GIF: a background, and what changes in front of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use gif::{Encoder, Repeat};

use super::png::Canvas;
use super::scene::Item;
use crate::atomic::write_atomically;
use crate::error::{Error, Result};

/// A drawing on white that changes over time, again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Animation {
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    /// What stays, from back to front.
    pub background: Vec<Item>,
    /// What is drawn over it for a while, at least one.
    pub frames: Vec<Frame>,
}

/// What is seen at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// From back to front.
    pub items: Vec<Item>,
    /// For how long, in hundredths of a second.
    pub hundredths: u16,
}

/// Colors of the palette; the last index means "as before".
const COLORS: usize = 255;
const UNCHANGED: u8 = COLORS as u8;
/// Longest edge in pixels: what GIF can count.
const LARGEST: f64 = 65_535.0;

type Rgb = [u8; 3];

impl Animation {
    /// The animation as a GIF that begins again at its end, at one device pixel for each pixel of the figure.
    pub fn to_gif(&self) -> Vec<u8> {
        let mut still = Canvas::new(self.width.min(LARGEST), self.height.min(LARGEST), 1.0);
        still.draw(&self.background);
        let image = |frame: &Frame| -> Vec<Rgb> {
            let mut canvas = still.clone();
            canvas.draw(&frame.items);
            // All is opaque on white, so that premultiplied colors are colors.
            canvas.pixels.pixels().iter().map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect()
        };
        let [width, height] = [still.pixels.width(), still.pixels.height()].map(|edge| edge as u16);
        let last = self.frames.len().saturating_sub(1);
        let shown: Vec<Vec<Rgb>> = [last / 2, last].iter().filter_map(|i| self.frames.get(*i)).map(image).collect();
        let mut palette = Palette::of(shown.iter().flatten());

        let mut file = Vec::new();
        let memory = "writing into memory cannot fail";
        let mut encoder = Encoder::new(&mut file, width, height, &palette.bytes()).expect(memory);
        encoder.set_repeat(Repeat::Infinite).expect(memory);
        let mut before: Vec<u8> = Vec::new();
        for frame in &self.frames {
            let now: Vec<u8> = image(frame).into_iter().map(|color| palette.index(color)).collect();
            encoder.write_frame(&difference(&before, &now, width, frame.hundredths)).expect(memory);
            before = now;
        }
        drop(encoder);
        file
    }

    /// Writes the GIF in one piece.
    ///
    /// # Errors
    /// [`Error::Config`] unless `path` ends in .gif, [`Error::Io`] when the file cannot be written; an earlier file is
    /// then still there.
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> Result<()> {
        let path = path.as_ref();
        match super::Format::of(path)? {
            super::Format::Gif => write_atomically(path, &self.to_gif()),
            _ => Err(Error::config("figure", format!("`{}` must end in .gif: it moves", path.display()))),
        }
    }
}

/// The frame that turns the image `before` into `now`: the smallest rectangle that holds all changes, in which the
/// rest is transparent. The whole image where there was none before.
fn difference(before: &[u8], now: &[u8], width: u16, hundredths: u16) -> gif::Frame<'static> {
    let columns = usize::from(width);
    let changed = |i: &usize| before.get(*i) != now.get(*i);
    let (mut left, mut right, mut top, mut bottom) = (columns - 1, 0, now.len() / columns - 1, 0);
    for i in (0..now.len()).filter(changed) {
        (left, right) = (left.min(i % columns), right.max(i % columns));
        (top, bottom) = (top.min(i / columns), bottom.max(i / columns));
    }
    if left > right {
        (left, right, top, bottom) = (0, 0, 0, 0); // nothing changed: one pixel, as before
    }
    let pixels = (top..=bottom).flat_map(|row| (left..=right).map(move |column| row * columns + column));
    let buffer: Vec<u8> = pixels.map(|i| if changed(&i) { now[i] } else { UNCHANGED }).collect();
    gif::Frame {
        delay: hundredths,
        dispose: gif::DisposalMethod::Keep,
        transparent: Some(UNCHANGED),
        left: left as u16,
        top: top as u16,
        width: (right - left + 1) as u16,
        height: (bottom - top + 1) as u16,
        buffer: Cow::Owned(buffer),
        ..gif::Frame::default()
    }
}

/// Few colors for many.
struct Palette {
    colors: Vec<Rgb>,
    /// Indices of colors that were asked for.
    known: HashMap<Rgb, u8>,
}

impl Palette {
    /// The most frequent of `pixels`, which are kept exactly, no two too close to each other.
    fn of<'p>(pixels: impl Iterator<Item = &'p Rgb>) -> Self {
        let mut counts: BTreeMap<Rgb, usize> = BTreeMap::new();
        pixels.for_each(|color| *counts.entry(*color).or_default() += 1);
        let mut frequent: Vec<(Rgb, usize)> = counts.into_iter().collect();
        frequent.sort_by_key(|(_, count)| std::cmp::Reverse(*count)); // stable: equal counts stay ordered by color
        // The smallest distance at which the palette has room for all.
        let colors = [0, 12, 27, 48, 75, 108, 147, 192, 300, 432, 588, 768, 1200, 3000]
            .into_iter()
            .map(|distance| apart(&frequent, distance))
            .find(|colors| colors.len() <= COLORS)
            .unwrap_or_else(|| frequent.iter().take(COLORS).map(|(color, _)| *color).collect());
        Self { colors, known: HashMap::new() }
    }

    /// Red, green and blue of all colors, padded so that [`UNCHANGED`] has a place.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.colors.concat();
        bytes.resize(3 * (COLORS + 1), 0);
        bytes
    }

    /// The index of the nearest color.
    fn index(&mut self, color: Rgb) -> u8 {
        let Self { colors, known } = self;
        *known.entry(color).or_insert_with(|| {
            let nearest = (0..colors.len()).min_by_key(|i| squared(colors[*i], color));
            nearest.unwrap_or_default() as u8
        })
    }
}

/// The colors, most frequent first, each further than `distance` from those before, until there are too many.
fn apart(frequent: &[(Rgb, usize)], distance: i32) -> Vec<Rgb> {
    let mut colors: Vec<Rgb> = Vec::new();
    for (color, _) in frequent {
        if colors.len() > COLORS {
            break;
        }
        if colors.iter().all(|other| squared(*other, *color) > distance) {
            colors.push(*color);
        }
    }
    colors
}

/// Squared distance of two colors.
fn squared(a: Rgb, b: Rgb) -> i32 {
    a.iter().zip(b).map(|(a, b)| (i32::from(*a) - i32::from(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::scene::{Color, Path};

    fn square(x: f64, color: u32) -> Item {
        Item::Path(Path::area(vec![[x, 2.0], [x + 4.0, 2.0], [x + 4.0, 6.0], [x, 6.0]], Color::hex(color)))
    }

    fn moving() -> Animation {
        let frame = |x| Frame { items: vec![square(x, 0xD55E00)], hundredths: 4 };
        let frames = vec![frame(1.0), frame(7.0), frame(7.0)];
        Animation { width: 20.0, height: 10.0, background: vec![square(14.0, 0x0072B2)], frames }
    }

    /// The images as a viewer shows them.
    fn viewed(gif: &[u8]) -> Vec<Vec<Rgb>> {
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
        let directory = tempfile::tempdir().unwrap();
        moving().save(directory.path().join("a.gif")).unwrap();
        assert!(moving().save(directory.path().join("a.png")).unwrap_err().to_string().contains("must end in .gif"));
    }

    #[test]
    fn many_colors_find_a_near_one() {
        let all: Vec<Rgb> = (0..=255u8).flat_map(|r| (0..=15).map(move |g| [r, 17 * g, 128])).collect();
        let mut palette = Palette::of(all.iter());
        assert!((32..=COLORS).contains(&palette.colors.len()), "{}", palette.colors.len());
        for color in &all {
            let index = palette.index(*color);
            let near = palette.colors[usize::from(index)];
            assert!(squared(near, *color) <= 600, "{color:?} {near:?}");
        }
    }
}
