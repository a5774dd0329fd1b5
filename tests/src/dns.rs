//! A real name server on a free UDP port of the loopback; the test changes its answers.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::proxy::DEADLINE;

#[derive(Clone, Debug)]
enum ScriptedAnswer {
    Addresses(Vec<IpAddr>, u32),
    Code(ResponseCode),
    Nothing,
}

/// The name server, until dropped. A name without a script does not exist.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<HashMap<String, ScriptedAnswer>>>,
    questions: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl NameServer {
    /// Starts a name server.
    ///
    /// # Panics
    /// If the loopback has no free port.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let zone: Arc<Mutex<HashMap<String, ScriptedAnswer>>> = Arc::default();
        let (count, questions) = watch::channel(0);
        let known = zone.clone();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                let answer = answer(&known.lock().expect("no panic while the zone is read"), &question);
                if let Some(bytes) = answer.and_then(|answer| answer.to_vec().ok()) {
                    // The sender of the question may have left.
                    let _ = socket.send_to(&bytes, from).await;
                }
                count.send_modify(|count| *count += 1);
            }
        });
        Self { address, zone, questions, task }
    }

    /// The address of its socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the name has these addresses, for this many seconds.
    ///
    /// # Panics
    /// If an address is not an IP address.
    pub fn addresses(&self, name: &str, addresses: &[&str], ttl: u32) {
        let addresses = addresses.iter().map(|text| text.parse().expect("an IP address")).collect();
        self.script(name, ScriptedAnswer::Addresses(addresses, ttl));
    }

    /// From now on questions for the name end with this code, without a record.
    pub fn code(&self, name: &str, code: ResponseCode) {
        self.script(name, ScriptedAnswer::Code(code));
    }

    /// From now on questions for the name are not answered.
    pub fn silence(&self, name: &str) {
        self.script(name, ScriptedAnswer::Nothing);
    }

    /// Waits until this many more questions have been answered.
    ///
    /// # Panics
    /// If no question arrives in time.
    pub async fn asked(&self, more: usize) {
        let mut questions = self.questions.clone();
        let goal = *questions.borrow() + more;
        let asked = questions.wait_for(|count| *count >= goal);
        tokio::time::timeout(DEADLINE, asked).await.expect("somebody asks").expect("the server runs");
    }

    fn script(&self, name: &str, answer: ScriptedAnswer) {
        self.zone.lock().expect("no panic while the zone is written").insert(format!("{name}."), answer);
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(zone: &HashMap<String, ScriptedAnswer>, message: &Message) -> Option<Message> {
    let question = message.queries.first()?;
    let mut answer = Message::response(message.metadata.id, message.metadata.op_code);
    answer.metadata.recursion_desired = message.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.add_query(question.clone());
    match zone.get(&question.name().to_ascii().to_ascii_lowercase()) {
        Some(ScriptedAnswer::Nothing) => return None,
        Some(ScriptedAnswer::Code(code)) => answer.metadata.response_code = *code,
        None => answer.metadata.response_code = ResponseCode::NXDomain,
        Some(ScriptedAnswer::Addresses(addresses, ttl)) => {
            let records = addresses.iter().filter_map(|address| {
                let data = match (address, question.query_type()) {
                    (IpAddr::V4(address), RecordType::A) => RData::A((*address).into()),
                    (IpAddr::V6(address), RecordType::AAAA) => RData::AAAA((*address).into()),
                    _ => return None,
                };
                Some(Record::from_rdata(question.name().clone(), *ttl, data))
            });
            answer.add_answers(records);
        }
    }
    Some(answer)
}
