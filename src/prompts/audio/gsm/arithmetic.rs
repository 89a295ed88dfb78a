//! The saturating 16-bit arithmetic of the standard.

pub(super) fn saturate(value: i64) -> i16 {
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

pub(super) fn add(one: i16, other: i16) -> i16 {
    one.saturating_add(other)
}

pub(super) fn sub(one: i16, other: i16) -> i16 {
    one.saturating_sub(other)
}

/// The product of two fractions of 2^15, cut.
pub(super) fn mult(one: i16, other: i16) -> i16 {
    saturate((i64::from(one) * i64::from(other)) >> 15)
}

/// The product of two fractions of 2^15, rounded.
pub(super) fn mult_r(one: i16, other: i16) -> i16 {
    saturate((i64::from(one) * i64::from(other) + 16384) >> 15)
}

pub(super) fn abs(value: i16) -> i16 {
    value.saturating_abs()
}

/// By how many bits a positive value can be shifted left without overflow of 32 bits.
pub(super) fn norm(value: i32) -> u32 {
    value.leading_zeros().saturating_sub(1)
}

/// A fraction of 2^15 of two values that are not negative, the first not above the second.
pub(super) fn div(small: i16, large: i16) -> i16 {
    if small == 0 {
        return 0;
    }
    saturate((i64::from(small) << 15) / i64::from(large))
}

/// Shifts left, or right if `by` is negative.
pub(super) fn shift(value: i16, by: i16) -> i16 {
    if by >= 0 { saturate(i64::from(value) << by.min(30)) } else { value >> (-by).min(15) }
}
