//! Differences as every front end names them.

use ringtail_model::{EventDetail, EventRow};
use ringtail_recordings::diff::{self, Diff, FewAnswers, Noise, last_answers};

/// A difference, and the names of its two sides.
pub type Compared = ([String; 2], Diff);

/// Compares two events.
#[must_use]
pub fn events([one, other]: &[EventDetail; 2], noise: &Noise) -> Compared {
    let name = |row: &EventRow| format!("#{} {}", row.seq, row.summary);
    let names = [name(&one.event), name(&other.event)];
    (names, diff::events(one, other, noise))
}

/// Compares the app's last two responses to an event.
///
/// # Errors
/// When there are fewer.
pub fn answers(event: &EventDetail, noise: &Noise) -> Result<Compared, FewAnswers> {
    let [(at, one), (other_at, other)] = last_answers(event)?;
    let names = [at, other_at].map(|at| format!("response {at} to #{}", event.event.seq));
    Ok((names, diff::answers(one, other, noise)))
}
