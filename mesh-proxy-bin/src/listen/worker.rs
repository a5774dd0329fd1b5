//! One core's share: a thread, a runtime, its own stacks, pools and connections.
//!
//! Nothing of a request leaves its worker. The control runtime speaks to a worker through a few commands,
//! and to its connections through the [`Registry`].

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_core::plan::{Direction, ListenerKey};
use mesh_tower::mesh::Mesh;
use mesh_tower::stack::{self, Stack};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::connection::activity::Order;
use crate::connection::entrance::{Entrance, Shared};
use crate::connection::registry::Registry;
use crate::listen::accept::accept;

/// Commands in the queue. A reload sends a few; the sender of more waits.
const COMMANDS: usize = 64;

/// Interval of the sweep for idle and stalled connections.
const SWEEP: Duration = Duration::from_secs(5);

/// A command of the control runtime to a worker.
#[derive(Debug)]
pub(crate) enum Command {
    /// Accept on this socket.
    Listen { shared: Arc<Shared>, socket: TcpListener },
    /// Close a listener, and answer when its socket is closed; its connections may finish for that long.
    Close { listener: ListenerKey, drain: Duration, done: oneshot::Sender<()> },
    /// Accept no more; connections close when they have no open request.
    Leave,
}

/// A running worker.
#[derive(Debug)]
pub(crate) struct Handle {
    commands: mpsc::Sender<Command>,
    pub(crate) registry: Arc<Registry>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// Cancelled when the thread ends, however that happens.
    ended: CancellationToken,
}

impl Handle {
    /// Starts worker number `index` of `mesh`.
    pub(crate) fn start(index: usize, mesh: &Mesh) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        let registry = Arc::new(Registry::default());
        let worker = Worker { mesh: mesh.clone(), registry: registry.clone() };
        let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            let _end = end;
            runtime.block_on(worker.run(receiver));
            // Closes what is still open.
            drop(runtime);
        })?;
        Ok(Self { commands, registry, thread: Some(thread), ended })
    }

    /// Sends a command. A worker that panicked takes none; [`failed`](Self::failed) reports that.
    pub(crate) async fn send(&self, command: Command) {
        let _ = self.commands.send(command).await;
    }

    /// Resolves if the worker ends by itself: it never should.
    pub(crate) async fn failed(&self) {
        self.ended.cancelled().await;
    }

    /// Ends the worker and its connections.
    pub(crate) async fn end(self) {
        let Self { commands, thread, ended, .. } = self;
        drop(commands);
        ended.cancelled().await;
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("a worker panicked");
        }
    }
}

struct Worker {
    mesh: Mesh,
    registry: Arc<Registry>,
}

impl Worker {
    async fn run(self, mut commands: mpsc::Receiver<Command>) {
        let worker = self.mesh.worker();
        let mut accepting: HashMap<ListenerKey, JoinHandle<()>> = HashMap::new();
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let command = tokio::select! {
                command = commands.recv() => command,
                _ = sweep.tick() => {
                    self.registry.sweep(Instant::now());
                    continue;
                }
            };
            match command {
                None => return,
                Some(Command::Listen { shared, socket }) => {
                    let key = shared.key.clone();
                    match tokio::net::TcpListener::from_std(socket) {
                        Ok(socket) => {
                            let task = self.listen(&worker, shared, socket);
                            accepting.insert(key, task);
                        }
                        Err(error) => tracing::error!(listener = %key, %error, "cannot accept"),
                    }
                }
                Some(Command::Close { listener, drain, done }) => {
                    if let Some(task) = accepting.remove(&listener) {
                        task.abort();
                        // Its socket is closed when this returns: with an error, since it was aborted.
                        let _ = task.await;
                    }
                    self.registry.leave(&listener, Instant::now() + drain);
                    // The receiver may be gone.
                    let _ = done.send(());
                }
                Some(Command::Leave) => {
                    for (_, task) in accepting.drain() {
                        task.abort();
                    }
                    self.registry.tell(Order::Leave);
                }
            }
        }
    }

    /// Accepts on a socket, with a stack of its own for this listener.
    fn listen(
        &self,
        worker: &Arc<mesh_tower::upstream::worker::Worker>,
        shared: Arc<Shared>,
        socket: tokio::net::TcpListener,
    ) -> JoinHandle<()> {
        let direction = shared.direction;
        let mut edge = self.mesh.edge(worker.clone(), direction).listener(shared.key.clone());
        if let Some(name) = &shared.server {
            edge = edge.server_name(name.clone());
        }
        match direction {
            Direction::Outbound => self.accept(shared, socket, stack::client(edge)),
            Direction::Inbound => self.accept(shared, socket, stack::inbound(edge)),
            Direction::Gateway => self.accept(shared, socket, stack::gateway(edge)),
        }
    }

    fn accept(
        &self,
        shared: Arc<Shared>,
        socket: tokio::net::TcpListener,
        stack: impl Stack,
    ) -> JoinHandle<()> {
        let entrance = Entrance { shared, registry: self.registry.clone(), stack };
        tokio::spawn(accept(socket, entrance))
    }
}
