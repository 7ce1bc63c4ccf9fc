//! Answers to outbound messages.

macro_rules! answer {
    ($ack:literal) => {
        concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>",
            "<notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>",
            $ack,
            "</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>"
        )
    };
}

/// The message is kept; it does not come again.
pub const ACKNOWLEDGED: &str = answer!("true");
/// The message could not be kept; all of it comes again.
pub const NOT_ACKNOWLEDGED: &str = answer!("false");

/// An answer that says why a message is not accepted; it comes again, until it is too old.
#[must_use]
pub fn fault(reason: &'static str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
         <soapenv:Fault><faultcode>soapenv:Client</faultcode><faultstring>{reason}</faultstring></soapenv:Fault>\
         </soapenv:Body></soapenv:Envelope>"
    )
}
