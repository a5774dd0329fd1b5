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

# Which rules of docs/rules.md no test names.
rules:
    .ci/rules

# Rooms whose imports lead in a circle; `--tree` shows the rooms from the ground up.
circles:
    .ci/circles

# Comments with words that hide the actor of a sentence.
words:
    .ci/words

# One of twelve parts of the mutants of the policies: each should be caught. Needs cargo-mutants and cargo-nextest.
mutants shard="0/12":
    cargo mutants -p mesh-core --in-place --sharding round-robin --shard {{shard}} --test-tool nextest --timeout 120 \
        -f "mesh-core/src/policies/{balance,circuit,cors,fault,headers,health,outlier,reply,retry,route,split,timeout}/**" -- --lib

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

# Start, memory and changes of mesh-proxy with more and more services.
bench-config:
    cargo run --release -p mesh-benches --bin config-bench

examples:
    cargo test -p mesh-examples

fitcycle:
    cargo run --release -p fitcycle

# What CI runs, installing what it needs (Debian, as root).
ci:
    bash .ci/run
