"""`concord doctor`: looks at a participant from outside, changes nothing, and says what to change."""
