"""What takes something away: the question that comes first, and the work that follows a yes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import SciabcError, ServiceUnavailable
from sciabc_tui.tui import messages as msg
from sciabc_tui.tui import requests as req
from sciabc_tui.tui.actions import Verb
from sciabc_tui.tui.errands import Errands
from sciabc_tui.tui.present.cells import plain
from sciabc_tui.tui.present.forms import (
    Question,
    cancel_question,
    drain_question,
    requeue_question,
)
from sciabc_tui.tui.present.many import concerned, names_of, question
from sciabc_tui.tui.present.trust import forget_question
from sciabc_tui.tui.present.view import View

_DONE = {
    Verb.DRAIN: "no new jobs any more",
    Verb.RESUME: "new jobs again",
    Verb.APPROVE: "approved",
    Verb.FORGET: "forgotten; what is yours is approved anew",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done; a question that is None is not asked."""

    question: Question | None
    work: Callable[[], msg.Accepted | msg.Refused]


def plan_of(request: req.Risky, view: View, errands: Errands) -> Plan | None:
    """Plan what takes something away, of one node, of many or of a job; None if what it is about is gone."""
    state = view.state or State()
    match request:
        case req.DrainNode(id_) if node := state.nodes.get(id_):
            return Plan(drain_question(node, view), partial(errands.drain, id_, plain(node.name)))
        case req.ForgetNode(id_) if node := state.nodes.get(id_):
            return Plan(forget_question(node, view), partial(errands.forget, id_, plain(node.name)))
        case req.CancelJob(id_) if job := state.jobs.get(id_):
            return Plan(cancel_question(job, view), partial(errands.cancel, id_))
        case req.RequeueJob(id_) if job := state.jobs.get(id_):
            return Plan(requeue_question(job, view), partial(errands.requeue, id_))
        case req.ForMany():
            return plan(request, view, errands)
        case _:
            return None


def plan(request: req.ForMany, view: View, errands: Errands) -> Plan | None:
    """Plan an action for those of the nodes that are still there and that it concerns; None for no node."""
    known = view.digest.state.nodes
    asked = [known[id_] for id_ in request.nodes if id_ in known]
    nodes = concerned(request.verb, asked)
    if not nodes:
        return None
    return Plan(question(request.verb, nodes, view), partial(_work, request.verb, nodes, errands))


def _work(verb: Verb, nodes: Sequence[Node], errands: Errands) -> msg.Accepted | msg.Refused:
    """Ask for one node after the other; one that is refused keeps no other from it."""
    done: list[Node] = []
    refused = ""
    for node in nodes:
        try:
            _one(verb, node, errands)
        except ServiceUnavailable as error:
            refused = str(error)
            break
        except SciabcError as error:
            refused = refused or f"{plain(node.name)}: {error}"
        else:
            done.append(node)
    told = f"{names_of(done)}: {_DONE[verb]}" if done else ""
    if not refused:
        return msg.Accepted(told)
    return msg.Refused(f"{len(done)} of {len(nodes)} done. {refused}")


def _one(verb: Verb, node: Node, errands: Errands) -> None:
    match verb:
        case Verb.DRAIN:
            errands.drain(node.id, node.name)
        case Verb.RESUME:
            errands.resume(node.id)
        case Verb.APPROVE:
            errands.approve(node.id, node.host_key.fingerprint if node.host_key else "")
        case Verb.FORGET:
            errands.forget(node.id, node.name)
        case _:
            raise ValueError(verb)
