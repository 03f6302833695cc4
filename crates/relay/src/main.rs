//! `ringtail-relay`: see `ringtail-relay --help`.

fn main() -> std::process::ExitCode {
    ringtail_relay::command::main()
}
