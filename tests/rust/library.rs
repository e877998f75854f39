//! Tests of the library from outside, a file for each part of it.

mod activation;
mod checkpoints;
mod diagnose;
mod every_loss;
mod factorization_machine;
mod gathering;
mod kernel;
mod loss;
mod matrix;
mod mlp;
mod moments;
mod noise;
mod oracle;
mod outputs;
mod passes;
mod ranks;
mod shuffle;
mod sparse;
mod square_matrix;
mod stopping;
mod table;
mod train;
