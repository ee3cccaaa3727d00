"""What a supervisor may watch: figures about this participant, never about a person, and never an id."""
