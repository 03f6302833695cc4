//! Why would RingCentral refuse this webhook address?
