"""Rules that tell from a mail server's refusal whether the address itself is bad: then no further mail is tried.

A 5xx reply to RCPT may speak of the mailbox, but also of the sender's reputation, a policy, a full disk or this
message. The enhanced status code (RFC 3463) tells which, and overrides the plain one:

| enhanced code | about | the address |
|---|---|---|
| 5.1.x (no such mailbox, host or syntax; moved; no mail for this domain) | the address | is stopped |
| 5.1.7, 5.1.8 | the sender's address, which is ours | is not |
| 5.2.1 | a mailbox that is disabled | is stopped |
| other 5.2.x | a full mailbox, a message that is too long, a list that cannot be expanded | is not |
| 5.3.x, 5.4.x, 5.5.x, 5.6.x, 5.7.x | the mail system, the way there, the protocol, the content, policy | is not |

Without an enhanced code (RFC 5321, 4.2): 550 no such mailbox, 551 not here, 553 no name for a mailbox and 556 no mail
for this domain stop the address. 552 (too much to store), 554 (no reason given) and the others do not.
"""

from __future__ import annotations

import re

_ENHANCED = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")
_OF_THE_SENDER = {"7", "8"}  # in 5.1.x
_ADDRESS = {550, 551, 553, 556}


def is_about_address(code: int, words: str) -> bool:
    """Tell whether a reply to RCPT, `code` and `words`, means that no mail can ever reach the address."""
    if not 500 <= code <= 599:
        return False
    enhanced = _ENHANCED.match(words)
    if enhanced is None or enhanced[1] != "5":
        return code in _ADDRESS
    subject, detail = enhanced[2], enhanced[3]
    return (subject == "1" and detail not in _OF_THE_SENDER) or (subject == "2" and detail == "1")
