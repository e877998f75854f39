//! Mini-batch gradient descent on the CPU.
