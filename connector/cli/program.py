"""All verbs put together, and what becomes of an error: one clear line on stderr, never a trace."""

from __future__ import annotations

import sys
import traceback

import typer

from connector.cli import (
    admin,
    agreeing,
    assessing,
    assisting,
    auditing,
    changing,
    consenting,
    consulting,
    deciding,
    deidentifying,
    doctoring,
    duties,
    emergencies,
    founding,
    hosting,
    judging,
    naming,
    opting,
    playing,
    posting,
    profiling,
    publishing,
    quarantining,
    querying,
    receiving,
    relating,
    serving,
    sourcing,
    studying,
    taking,
    tracing,
    transferring,
    trusting,
    vaulting,
    why,
    withdrawing,
    working,
)
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.problems import Problem

NO, USAGE = 1, 2

program = typer.Typer(
    name="concord",
    help="A connector for personal health data spaces. Each participant is one directory and one process.",
    epilog="A first participant: concord init hospital --name 'St. Elisabeth Hospital' --role hospital",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
_ = taking  # its verbs stand below `consent` and `audit`
naming.add_to(trusting.verbs)
opting.add_to(consenting.verbs)
withdrawing.add_to(consenting.verbs)
for room in (founding, serving, working, playing, sourcing, publishing, agreeing, deciding, why, doctoring):
    room.add_to(program)
consulting.add_to(consenting.verbs)
for verbs, name in (
    (trusting.verbs, "trust"), (studying.verbs, "study"), (consenting.verbs, "consent"), (auditing.verbs, "audit"),
    (sourcing.verbs, "sources"), (transferring.verbs, "transfers"), (receiving.verbs, "received"),
    (querying.verbs, "data"),
    (changing.verbs, "agreements"), (posting.verbs, "deliveries"),
    (duties.verbs, "duties"), (withdrawing.verbs, "withdrawals"),
    (deciding.approvals, "approvals"), (deciding.rules, "rules"),
    (judging.verbs, "policy"),
    (deciding.negotiations, "negotiations"),
    (trusting.members, "members"), (hosting.links, "link"), (hosting.people, "people"), (hosting.accounts, "account"),
    (relating.authorities, "authority"), (assisting.verbs, "desk"), (emergencies.verbs, "emergency"),
    (tracing.verbs, "reidentify"), (deidentifying.verbs, "deidentify"), (vaulting.verbs, "vault"),
    (admin.verbs, "admin"),
    (assessing.verbs, "risk"), (profiling.verbs, "profile"), (quarantining.verbs, "quarantine"),
):  # fmt: skip
    program.add_typer(verbs, name=name)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        answer = program(arguments, prog_name="concord", standalone_mode=False)
    except Exception as fault:
        return _said(fault)
    except KeyboardInterrupt:
        return _say("stopped", USAGE)
    return answer if isinstance(answer, int) else 0


def _said(fault: Exception) -> int:
    """Tell what went wrong, in one line; returns the exit code."""
    code = USAGE
    if isinstance(fault, typer.TyperException):
        line = fault.format_message().strip() or "this cannot be understood; see `concord --help`"
    elif isinstance(fault, Problem):
        line, code = str(fault), NO if fault.status == 403 else USAGE
    elif isinstance(fault, Unreachable | OutboundRefused):
        line = f"the participant's process does not answer: {fault}"
    elif isinstance(fault, typer.Abort | BrokenPipeError):
        line = "stopped"
    elif isinstance(fault, OSError):
        line = f"{fault.strerror or type(fault).__name__}: {fault.filename or 'a file'}"
    else:
        # A fault of ours. Its words may quote what was read, so only its kind and place are told.
        place = traceback.extract_tb(fault.__traceback__)[-1]
        line = f"something went wrong here: {type(fault).__name__} at {place.name}, line {place.lineno}"
    return _say(line, code)


def _say(line: str, code: int) -> int:
    sys.stderr.write(f"concord: {' '.join(line.split())}\n")
    return code
