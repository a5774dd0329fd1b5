//! A list that mostly has one item, which then needs no memory of its own.

/// Some items, in order.
#[derive(Clone, Debug, Default)]
pub(crate) enum Few<T> {
    #[default]
    None,
    One(T),
    Several(Vec<T>),
}

impl<T> Few<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }

    pub(crate) fn push(&mut self, item: T) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(item),
            Self::One(first) => Self::Several(vec![first, item]),
            Self::Several(mut several) => {
                several.push(item);
                Self::Several(several)
            }
        };
    }
}

impl<T: Clone> From<&[T]> for Few<T> {
    fn from(items: &[T]) -> Self {
        match items {
            [] => Self::None,
            [one] => Self::One(one.clone()),
            several => Self::Several(several.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn items_stay_in_order() {
        let mut few = Few::None;
        for count in 0..4 {
            assert_eq!(few.as_slice(), &[0, 1, 2, 3][..count]);
            assert_eq!(Few::from(few.as_slice()).as_slice(), few.as_slice());
            few.push(count);
        }
    }
}
