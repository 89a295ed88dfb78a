//! A plot of latency over rate, as SVG.
