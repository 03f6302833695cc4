# Homebrew formula. Never run: no release is published, and there was no macOS to try it on. VERSION and SHA256 are the release's.
class Ringtail < Formula
  desc "Receive RingCentral's webhooks on a developer's laptop"
  homepage "https://github.com/ringtail/ringtail"
  url "https://github.com/ringtail/ringtail/archive/refs/tags/vVERSION.tar.gz"
  sha256 "SHA256"
  license "MIT"

  depends_on "cmake" => :build
  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(path: "crates/cli")
    system "cargo", "install", *std_cargo_args(path: "crates/relay")
    generate_completions_from_executable(bin/"ringtail", "completions")
    generate_completions_from_executable(bin/"ringtail-relay", "completions")
    system bin/"ringtail", "man", man1
    system bin/"ringtail-relay", "man", man1
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/ringtail --version")
    assert_match "SUB-525", shell_output("#{bin}/ringtail explain SUB-525")
  end
end
