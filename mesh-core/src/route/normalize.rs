//! Making paths comparable before they are matched and forwarded (AZ-15).
