"""Evidence: files of deals (勤勉尽责证据包), pages as they were shown, certificates of publicity (公示证明)."""
