//! The check of the recorded history: each client's reading of the endpoint is a prefix of one order, the database's.

/// An event of the endpoint as one of them has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    /// Its number.
    pub(super) seq: u64,
    /// Its id.
    pub(super) id: String,
}

/// Checks what the database has, by number, and what each client stored, in the order in which it did. Returns what is wrong.
#[must_use]
pub(super) fn check(order: &[Read], clients: &[Vec<Read>]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, event) in (1..).zip(order) {
        if event.seq != at {
            wrong.push(format!("the database has {event:?} as number {at}"));
        }
    }
    let mut ids: Vec<&str> = order.iter().map(|event| &*event.id).collect();
    ids.sort_unstable();
    let twice = ids.windows(2).filter(|pair| pair[0] == pair[1]);
    wrong.extend(twice.map(|pair| format!("the database has the event {} twice", pair[0])));
    for (client, reading) in clients.iter().enumerate() {
        if reading.len() > order.len() {
            wrong.push(format!(
                "client {client} has events that the database lacks"
            ));
        }
        let differs = reading
            .iter()
            .zip(order)
            .find(|(read, event)| read != event);
        if let Some((read, event)) = differs {
            wrong.push(format!(
                "client {client} read {read:?} where the order has {event:?}"
            ));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(ids: &str) -> Vec<Read> {
        let events = (1..).zip(ids.chars());
        let event = |(seq, id): (u64, char)| Read {
            seq,
            id: id.to_string(),
        };
        events.map(event).collect()
    }

    #[test]
    fn prefixes_of_one_order_and_nothing_else() {
        let order = events("abcd");
        let fine = [events(""), events("abc"), events("abcd")];
        assert_eq!(check(&order, &fine), Vec::<String>::new());
        let mut gap = events("abcd");
        gap.remove(1);
        let mut late = events("abcd");
        late.swap(1, 2);
        for bad in [events("abx"), events("abcde"), gap.clone(), late] {
            assert_eq!(check(&order, &[events("a"), bad]).len(), 1);
        }
        assert_eq!(check(&events("abca"), &[]).len(), 1);
        assert!(!check(&gap, &[]).is_empty());
    }
}
