"""The only HTTP client of the connector, and the guard in front of it (design 3.10).

`client.Outbound` sends, `guard.Destination` says where a request may go and why, `answer.Answer` is what came back,
`faults` is what keeps an answer from coming. Guard, origins, answers and faults touch nothing and may be imported from
every room; nothing else in the house opens a connection to another machine.
"""
