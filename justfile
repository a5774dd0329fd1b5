# One plain cargo command a recipe: nobody needs `just` to work on this.

# What there is.
default:
    @just --list

fmt:
    cargo fmt --all

lint:
    cargo clippy --workspace --all-targets -- -D warnings

test:
    cargo test --workspace

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

deny:
    cargo deny check bans licenses sources

# Rewrites the parts of the documentation that are made from the code.
update-docs:
    UPDATE_DOCS=1 cargo test -p mesh-core --test docs

bench:
    cargo bench -p mesh-benches

# Beside Envoy and HAProxy, where they are installed.
bench-proxies:
    cargo run --release -p mesh-benches --bin proxy-bench

examples:
    cargo test -p mesh-examples --examples

fitcycle:
    cargo run --release -p fitcycle

# What CI runs, installing what it needs (Debian, as root).
ci:
    bash .ci/run
