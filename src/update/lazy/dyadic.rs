//! Compositions of the maps of many steps, looked up by first and last step.

/// A map that can be composed with another.
pub trait Compose: Copy {
    /// This map followed by `later`.
    fn then(self, later: Self) -> Self;
}

/// A sequence of maps, and the compositions of all aligned runs of 2^l of them. It stores two maps and makes one
/// composition for each map on average; any run of n maps is made of at most 2 log2(n) compositions.
#[derive(Debug)]
pub struct Dyadic<M> {
    /// `levels[l][i]` is the composition of the maps from `i 2^l` up to `(i + 1) 2^l`.
    levels: Vec<Vec<M>>,
    /// `tails[i]` is the composition of all maps from i on, if it is up to date; else it is empty.
    tails: Vec<M>,
}

impl<M> Default for Dyadic<M> {
    fn default() -> Self {
        Self { levels: vec![Vec::new()], tails: Vec::new() }
    }
}

impl<M: Compose> Dyadic<M> {
    /// Removes all maps and keeps the capacity.
    pub fn clear(&mut self) {
        self.levels.iter_mut().for_each(Vec::clear);
        self.tails.clear();
    }

    /// Appends a map.
    pub fn push(&mut self, map: M) {
        self.tails.clear();
        self.levels[0].push(map);
        let mut l = 0;
        while let [.., first, second] = &self.levels[l][..]
            && self.levels[l].len().is_multiple_of(2)
        {
            let both = first.then(*second);
            l += 1;
            if self.levels.len() == l {
                self.levels.push(Vec::new());
            }
            self.levels[l].push(both);
        }
    }

    /// Makes the compositions of all maps from each one on, which pays where many of them are needed.
    pub fn make_tails(&mut self) {
        let mut maps = self.levels[0].iter().rev();
        self.tails.clear();
        self.tails.extend(maps.next());
        for map in maps {
            let last = self.tails[self.tails.len() - 1];
            self.tails.push(map.then(last));
        }
        self.tails.reverse();
    }

    /// The composition of the maps from `from` up to `to`, if it was made.
    #[inline(always)]
    pub fn tail(&self, from: usize, to: usize) -> Option<M> {
        if to == self.tails.len() { self.tails.get(from).copied() } else { None }
    }

    /// The aligned runs, as level and place, that make up the maps from `from` up to `to`, in their order.
    pub fn runs(&self, from: usize, to: usize) -> impl Iterator<Item = (usize, usize)> {
        let mut at = from;
        std::iter::from_fn(move || {
            let length = to.checked_sub(at).filter(|&length| length > 0)?;
            let level = at.trailing_zeros().min(length.ilog2()) as usize;
            let run = (level, at >> level);
            at += 1 << level;
            Some(run)
        })
    }

    /// The composition of a run.
    pub fn get(&self, (level, place): (usize, usize)) -> M {
        self.levels[level][place]
    }
}
