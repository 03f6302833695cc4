//! The user's editor, as a command.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The editor if neither VISUAL nor EDITOR is set.
const DEFAULT: &str = if cfg!(windows) { "notepad" } else { "vi" };

/// What Windows starts by a bare name if PATHEXT is not set.
const EXTENSIONS: &str = ".COM;.EXE;.BAT;.CMD";

/// Returns the editor's command line.
pub(super) fn chosen() -> String {
    let variable = |name| {
        std::env::var(name)
            .ok()
            .filter(|value| !value.trim().is_empty())
    };
    let editor = variable("VISUAL").or_else(|| variable("EDITOR"));
    editor.unwrap_or_else(|| DEFAULT.to_owned())
}

/// Returns the command of a command line: `code --wait` has an argument.
///
/// It runs through the shell, as git does it. Windows has no such shell: there the words are taken apart, and the program is
/// found as its shell would, because `code` is `code.cmd` and the system itself adds no extension but `.exe`.
pub(super) fn command(line: &str) -> Command {
    if cfg!(windows) {
        let mut words = words(line).into_iter();
        let program = words.next().unwrap_or_else(|| DEFAULT.to_owned());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let extensions = std::env::var("PATHEXT").unwrap_or_else(|_| EXTENSIONS.to_owned());
        let found = find(&program, std::env::split_paths(&path), &extensions);
        let mut command = Command::new(found.unwrap_or_else(|| program.into()));
        command.args(words);
        return command;
    }
    let mut command = Command::new("sh");
    // The shell ignores Ctrl-C, which is for the editor, and returns its exit status.
    command.args(["-c", &format!("trap : INT; {line} \"$@\""), "sh"]);
    command
}

/// Splits a command line at spaces outside double quotes. A backslash is part of a path.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), None::<String>, false);
    for letter in line.chars() {
        match letter {
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            ' ' | '\t' if !is_quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// Finds a program as Windows's shell does: in each directory with each extension, unless it has one.
fn find(
    program: &str,
    directories: impl Iterator<Item = PathBuf>,
    extensions: &str,
) -> Option<PathBuf> {
    let is_path = program.contains(['/', '\\']);
    let bare = std::iter::once(PathBuf::new()).filter(|_| is_path);
    let directories = bare.chain(directories.filter(|_| !is_path));
    let extensions: Vec<&str> = match Path::new(program).extension() {
        Some(_) => vec![""],
        None => extensions.split(';').filter(|it| !it.is_empty()).collect(),
    };
    directories
        .flat_map(|directory| {
            let named = |extension| directory.join(format!("{program}{extension}"));
            extensions.iter().map(named).collect::<Vec<_>>()
        })
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_spaces_outside_quotes() {
        for (line, expected) in [
            ("code --wait", vec!["code", "--wait"]),
            (
                r#""C:\Program Files\Vim\vim.exe"  -w "#,
                vec![r"C:\Program Files\Vim\vim.exe", "-w"],
            ),
            (r#"a"b c"d "" e"#, vec!["ab cd", "", "e"]),
            (r#""open end"#, vec!["open end"]),
            ("  ", vec![]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn a_program_is_found_with_its_extension() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
        for (directory, file) in [
            (&first, "code"),
            (&first, "vim.txt"),
            (&second, "code.CMD"),
            (&second, "vim.EXE"),
        ] {
            std::fs::create_dir_all(directory).unwrap();
            std::fs::write(directory.join(file), "").unwrap();
        }
        let find = |program: &str| {
            let directories = [first.clone(), second.clone()];
            find(program, directories.into_iter(), EXTENSIONS)
        };
        assert_eq!(find("code"), Some(second.join("code.CMD")));
        assert_eq!(find("vim"), Some(second.join("vim.EXE")));
        assert_eq!(find("vim.txt"), Some(first.join("vim.txt")));
        let path = second.join("vim");
        assert_eq!(find(path.to_str().unwrap()), Some(second.join("vim.EXE")));
        assert_eq!(find("emacs"), None);
    }
}
