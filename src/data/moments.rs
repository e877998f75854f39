//! stub
use super::{Dataset, Rows};
use crate::error::Result;
use crate::kernel::Tier;
use crate::scalar::Scalar;
pub struct ColumnMoments { pub mean: Vec<f64>, pub variance: Vec<f64>, pub mean_square: Vec<f64>, pub smallest: Vec<f64>, pub largest: Vec<f64> }
impl ColumnMoments {
    pub fn of<T: Scalar>(data: &Dataset<'_, T>, _tier: Tier, _n: usize, _i: &(dyn Fn() -> bool + Sync)) -> Result<Self> {
        let d = data.rows.n_columns();
        let n = data.n_rows();
        let mut m = Self { mean: vec![0.0; d], variance: vec![0.0; d], mean_square: vec![0.0; d], smallest: vec![f64::INFINITY; d], largest: vec![f64::NEG_INFINITY; d] };
        for pass in 0..2 {
            for i in 0..n {
                let mut r = [i];
                data.to_stored_rows(&mut r);
                let s = data.weights.of(r[0]);
                if s == 0.0 { continue; }
                let mut x = vec![T::ZERO; d];
                match &data.rows { Rows::Dense(v) => x.copy_from_slice(&v.values()[r[0]*d..][..d]), Rows::Csr(c) => c.add_row_to(r[0], &mut x) }
                for j in 0..d {
                    let v = x[j].to_f64();
                    if pass == 0 { m.mean[j] += s * v / n as f64; m.mean_square[j] += s*v*v/ n as f64; m.smallest[j] = m.smallest[j].min(v); m.largest[j] = m.largest[j].max(v); }
                    else { m.variance[j] += s * (v - m.mean[j]).powi(2) / n as f64; }
                }
            }
        }
        for j in 0..d { if m.smallest[j] == m.largest[j] { m.variance[j] = 0.0; } }
        Ok(m)
    }
}
