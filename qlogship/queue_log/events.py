"""The events of a queue_log: which begin a call's leg, which end it, which are about no call."""

from __future__ import annotations

ENTERQUEUE = b"ENTERQUEUE"
CONNECT = b"CONNECT"

# The events that end a leg (Asterisk, apps/app_queue.c). AGENTDUMP and
# SYSCOMPAT are not among them: the caller goes on waiting, or an ABANDON follows.
TERMINAL_EVENTS = frozenset(
    {
        b"ABANDON",
        b"ATTENDEDTRANSFER",
        b"BLINDTRANSFER",
        b"COMPLETEAGENT",
        b"COMPLETECALLER",
        b"EXITEMPTY",
        b"EXITWITHKEY",
        b"EXITWITHTIMEOUT",
        b"TRANSFER",
        b"WITHDRAW",
    }
)

# What happens to an agent; such a record may carry the callid of the agent's
# own channel, which is no call of the queue.
AGENT_EVENTS = frozenset(
    {
        b"ADDMEMBER",
        b"AGENTCALLBACKLOGIN",
        b"AGENTCALLBACKLOGOFF",
        b"AGENTLOGIN",
        b"AGENTLOGOFF",
        b"PAUSE",
        b"PAUSEALL",
        b"PENALTY",
        b"REMOVEMEMBER",
        b"RINGINUSE",
        b"UNPAUSE",
        b"UNPAUSEALL",
    }
)

# What stands in the callid column when there is no call.
NO_CALL = frozenset({b"", b"CLI", b"MANAGER", b"NONE", b"REALTIME"})
