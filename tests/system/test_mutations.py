"""Take one guard away, and the test that is named for it fails: what holds the promise, and who watches it.

Each line of the table changes one place in a copy of the source and runs one test there. A change whose text is not
found fails too: then the guard has moved, and the table moves with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
COPIED = ("schemas", "sources", "streams", "sinks", "shoprelay", "tests")
FAILED = 1  # pytest's exit code when tests ran and some failed


@dataclass(frozen=True, slots=True)
class Guard:
    """`old` stands once in `file`; with `new` in its place `test` fails."""

    what: str
    file: str
    old: str
    new: str
    test: str
    needs_kafka: bool = False


SAY_THEN_REMEMBER = """        await self._say(partition, thought)
        await self._remember(partition, thought)
"""
REMEMBER_THEN_SAY = """        await self._remember(partition, thought)
        await self._say(partition, thought)
"""

UNDERSTAND_THEN_ACK = """            await webhooks.chunk(event.value)
            await stream.ack(event)
"""
ACK_THEN_UNDERSTAND = """            await stream.ack(event)
            await webhooks.chunk(event.value)
"""
NOT_RIGHT = (
    "tests/shoprelay/collector/test_hooks.py::test_what_is_not_right_leaves_nothing_and_the_next_good_one_is_taken"
)

GUARDS = [
    # -- what shops post
    Guard(
        "only what is signed with a secret of the shop is taken",
        "shoprelay/collector/hooks.py",
        "if not source.signature.is_right(headers, body, door.secrets):",
        "if False:",
        NOT_RIGHT,
    ),
    Guard(
        "only what is JSON is taken",
        "shoprelay/collector/hooks.py",
        """raise Turned(400, f"the body {bad}; send the system's own JSON") from None""",
        "document = bad",
        NOT_RIGHT,
    ),
    Guard(
        "nothing is answered 200 that the broker has not got",
        "shoprelay/collector/hooks.py",
        'raise Turned(503, "it could not be stored; send it again", Retry_After="5") from None',
        "return",
        "tests/shoprelay/collector/test_hooks.py::test_what_the_broker_has_not_got_is_answered_503_and_kept_nowhere",
    ),
    Guard(
        "a delivery is understood before it is acked",
        "streams/worker/app.py",
        UNDERSTAND_THEN_ACK,
        ACK_THEN_UNDERSTAND,
        "tests/worker/test_agents.py::test_a_chunk_is_acked_when_everything_of_it_is_done",
    ),
    Guard(
        "what no source understands is refused, not dropped",
        "streams/worker/webhooks.py",
        "                await self.refuse(record, why)",
        "                pass",
        "tests/worker/test_webhooks.py::test_what_is_not_understood_is_refused_as_it_came_and_its_neighbours_go_on",
    ),
    Guard(
        "of a delivery, what is good is filed beside what is not",
        "streams/worker/webhooks.py",
        "            found = self._filed(record, event, filing)\n            why = why or found",
        "            why = why or self._filed(record, event, filing)",
        "tests/worker/test_webhooks.py"
        "::test_a_value_no_log_can_hold_is_refused_and_the_good_events_of_the_delivery_are_filed",
    ),
    Guard(
        "a completed checkout is no new cart",
        "sources/webhooks/shopify/carts.py",
        'if told.moment("completed_at") is not None:',
        "if False:",
        "tests/sources/webhooks/test_cases.py::test_a_case_says_what_stands_beside_it",
    ),
    # -- say, remember, ack
    Guard(
        "say before remember",
        "streams/worker/fold.py",
        SAY_THEN_REMEMBER,
        REMEMBER_THEN_SAY,
        "tests/worker/test_fold.py::test_a_death_at_any_seam_changes_neither_what_is_said_nor_what_is_known",
    ),
    Guard(
        "remember before ack",
        "streams/worker/app.py",
        "await fold.chunk(event.message.partition, event.value)\n            await stream.ack(event)",
        "await stream.ack(event)\n            await fold.chunk(event.message.partition, event.value)",
        "tests/worker/test_agents.py::test_a_chunk_is_acked_when_everything_of_it_is_done",
    ),
    Guard(
        "what is said is waited for",
        "streams/worker/fold.py",
        "await asyncio.gather(*said)",
        "asyncio.gather(*said, return_exceptions=True)",
        "tests/worker/test_fold.py::test_a_broker_that_refuses_ends_the_chunk_before_anything_is_remembered",
    ),
    Guard(
        "what is ingested is in the log before the ack",
        "streams/worker/ingest.py",
        "        await asyncio.gather(\n",
        "        asyncio.gather(return_exceptions=True, \n",
        "tests/worker/test_ingest.py::test_a_broker_that_refuses_keeps_the_chunk_from_being_acked",
    ),
    Guard(
        "nobody understands it: refused, not dropped",
        "streams/worker/ingest.py",
        "                await self.refuse(record, bad)\n",
        "",
        "tests/worker/test_ingest.py::test_a_bad_record_stops_none_of_its_neighbours",
    ),
    Guard(
        "records belong to the assignment they were taken under",
        "streams/delivery/kafka.py",
        "        if generation != self._generation:\n",
        "        if False:\n",
        "tests/delivery/test_feed.py::test_records_of_the_old_assignment_are_left_to_come_again_and_so_is_its_position",
    ),
    Guard(
        "an order entered once more goes alone",
        "streams/delivery/courier.py",
        "        if call.opens and lane.shard.sequence.blocks(lane.key, call.opens):\n",
        "        if False:\n",
        "tests/delivery/test_batches.py::test_orders_that_are_entered_once_more_do_not_go_round_for_ever",
    ),
    Guard(
        "nothing is committed before the past is known",
        "streams/delivery/lanes.py",
        "            if not partition.shard.known:\n                continue\n",
        "",
        "tests/delivery/test_lanes.py::test_nothing_is_committed_before_it_is_known_what_was_finished",
    ),
    Guard(
        "a commit tells on what was not fetched yet",
        "streams/delivery/lanes.py",
        "sorted(partition.beyond) + _not_fetched_yet(partition)",
        "sorted(partition.beyond)",
        "tests/delivery/test_lanes.py::test_what_was_finished_before_is_told_on_until_it_is_fetched",
    ),
    Guard(
        "what is being cut short is not cut again",
        "streams/delivery/crew.py",
        " and not lane.scope.expired()",
        "",
        "tests/delivery/test_coming_and_going.py::test_requests_that_take_a_while_to_be_cut_short_keep_nobody_from_giving_back",
    ),
    Guard(
        "a reminder in its turn is not looked for",
        "streams/delivery/courier.py",
        "        looking.pop(lane, None)  # nobody else is to look for it during its turn\n",
        "",
        "tests/delivery/test_reminders.py::test_a_reminder_that_waits_for_the_registry_has_one_turn_at_a_time",
    ),
    Guard(
        "a probe that is parked is none any more",
        "streams/delivery/courier.py",
        "                    self.hold.lane = None\n",
        "                    pass\n",
        "tests/delivery/test_verdicts.py::test_a_probe_that_is_parked_is_no_probe_any_more",
    ),
    Guard(
        "a request of many ends when the sink holds",
        "streams/delivery/carrier.py",
        "        if Verdict.MISCONFIGURED in verdicts:",
        "        if False:",
        "tests/delivery/test_batches.py::test_a_probe_out_of_a_request_of_many_has_one_turn_at_a_time",
    ),
    Guard(
        "an owner that fails ends the process",
        "streams/delivery/kafka.py",
        "            self._mistake = error\n",
        "",
        "tests/delivery/test_feed.py::test_an_owner_that_fails_to_hear_of_its_partitions_ends_the_process",
    ),
    # -- delivery: together, behind, again
    Guard(
        "who has to wait keeps those behind it waiting",
        "streams/delivery/carrier.py",
        "i.entry.lane not in waiting and not i.entry.done and",
        "not i.entry.done and",
        "tests/delivery/test_batches.py::test_whoever_is_refused_only_in_company_is_not_overtaken_by_those_behind_it",
    ),
    Guard(
        "what a batch says against an item is suspicion",
        "streams/delivery/carrier.py",
        "                entry.alone = True\n",
        "                courier.advance(entry)\n",
        "tests/delivery/test_batches.py::test_a_pointer_to_the_wrong_item_puts_nothing_good_aside",
    ),
    Guard(
        "what may have arrived goes alone where repeats harm",
        "streams/delivery/carrier.py",
        "if not batch.repeats or entry.attempts >= SUSPECT_AFTER:",
        "if entry.attempts >= SUSPECT_AFTER:",
        "tests/delivery/test_batches.py"
        "::test_where_a_repeat_would_fail_the_others_what_may_have_arrived_goes_one_by_one",
    ),
    Guard(
        "a dependant waits behind its parked opener",
        "streams/delivery/courier.py",
        "if call.needs and lane.shard.sequence.blocks(lane.key, call.needs):",
        "if False:",
        "tests/delivery/test_again.py::test_what_needs_a_parked_call_waits_behind_it_and_everything_else_goes_on",
    ),
    Guard(
        "nothing is fetched before it is known what is parked",
        "streams/delivery/lanes.py",
        "if p.shard.known and not (p.full or p.shard.halted)",
        "if not (p.full or p.shard.halted)",
        "tests/delivery/test_again.py::test_nothing_is_fetched_before_it_is_known_what_is_parked",
    ),
    Guard(
        "asked twice is asked once",
        "streams/delivery/second.py",
        "if parked is None or parked.parked_id not in entry.lane.shard.sequence:",
        "if parked is None:",
        "tests/delivery/test_again.py::test_asked_twice_is_asked_once",
    ),
    Guard(
        "what waited behind is asked for before the opener is taken away",
        "streams/delivery/park.py",
        "        if opens and len(sequence.openers(lane.key, opens)) == 1:\n"
        "            await self._release(lane, opens)\n",
        "",
        "tests/delivery/test_again.py::test_dropped_it_is_not_sent_and_those_behind_go_on",
    ),
    Guard(
        "a reminder is never sent again",
        "streams/delivery/courier.py",
        "reason = SENT_AGAIN if entry.again else withheld(",
        "reason = withheld(",
        "tests/delivery/test_again.py::test_a_reminder_is_never_sent_again_since_nobody_knows_what_came_in_between",
    ),
    Guard(
        "what was finished beyond the watermark is not done again",
        "streams/delivery/lanes.py",
        "FINISHED if record.offset in partition.finished else at",
        "at",
        "tests/delivery/test_lanes.py"
        "::test_what_was_finished_beyond_the_watermark_is_told_with_the_commit_and_not_done_again_by_the_next_owner",
    ),
    Guard(
        "a note about another log is not believed",
        "streams/delivery/lanes.py",
        "                partition.finished.clear()",
        "                pass",
        "tests/delivery/test_lanes.py::test_a_note_is_not_believed_when_reading_begins_before_it",
    ),
    Guard(
        "history leaves a reserve",
        "streams/delivery/line.py",
        "choices.append((self._at(history, now, history=True), Kind.HISTORY))",
        "choices.append((self._at(history, now), Kind.HISTORY))",
        "tests/delivery/test_trials.py::test_a_backfill_fills_what_live_signals_leave_and_no_more",
    ),
    Guard(
        "one renewal of a token at a time",
        "streams/delivery/token.py",
        "            if self._lent is not refused:\n                return None\n",
        "",
        "tests/delivery/test_token.py::test_many_calls_at_once_wait_for_one_token",
    ),
    Guard(
        "a halted partition begins nothing",
        "streams/delivery/line.py",
        "return not (lane.dropped or lane.shard.halted)",
        "return not lane.dropped",
        "tests/delivery/test_coming_and_going.py::test_a_stop_lets_calls_in_flight_finish_and_commits_them",
    ),
    # -- time
    Guard(
        "no deadline while the front door has a backlog",
        "streams/worker/frontier.py",
        "        committed.get(topic, {}).get(partition, 0) >= end\n",
        "        True\n",
        "tests/worker/test_deadlines.py::test_an_order_that_waits_at_the_door_prevents_the_reminder",
    ),
    Guard(
        "no deadline before the log is folded",
        "streams/worker/frontier.py",
        "while waiting and waiting[0][1] <= position:",
        "while waiting:",
        "tests/worker/test_frontier.py::test_the_fold_must_have_come_as_far_as_ingest_wrote",
    ),
    Guard(
        "a wait that was put off is not over",
        "streams/worker/deadlines.py",
        "self.entry(stored, clock) if due_at(stored) <= clock else (due_at(stored), None)",
        "self.entry(stored, clock)",
        "tests/worker/test_rows.py::test_a_death_at_any_seam_changes_neither_what_is_said_nor_what_is_known[100]",
    ),
    Guard(
        "a purchase in a database's topics is under way",
        "streams/worker/app.py",
        "return [(*doors, *databases.topics), (names.row_changes,), (names.customer_events,)]",
        "return [doors, (names.customer_events,)]",
        "tests/worker/test_deadlines.py::test_a_purchase_is_followed_from_wherever_it_comes_in",
    ),
    Guard(
        "Debezium's engine moves on after the broker has it",
        "shoprelay/cdc/process.py",
        "            self.appender.flush()\n",
        "            pass\n",
        "tests/shoprelay/cdc/test_feeding.py::test_what_the_broker_does_not_take_ends_the_engine_at_its_place",
    ),
    Guard(
        "the grace is waited for",
        "streams/worker/fold.py",
        "    if due + grace > clock:",
        "    if due > clock:",
        "tests/worker/test_deadlines.py::test_a_cart_nobody_touches_is_due_after_an_hour_and_the_grace",
    ),
    Guard(
        "a stamp from the future counts as now",
        "streams/domain/validate.py",
        "return occurred_at if occurred_at <= received_at + policy.future_tolerance else received_at",
        "return occurred_at",
        "tests/worker/test_ingest.py::test_a_stamp_from_the_future_counts_as_now_and_is_counted",
    ),
    Guard(
        "time passes up to the event before it is folded",
        "streams/domain/fold.py",
        "        state, said, notes = let_time_pass(state, event.at, policy)\n",
        "        pass\n",
        "tests/domain/test_abandonment.py::test_add_and_order_read_together_after_an_outage_are_abandoned_then_bought",
    ),
    Guard(
        "an order at the very instant prevents the reminder",
        "streams/domain/passing.py",
        "if first is None or first > until or (first == until and not inclusive):",
        "inclusive = True\n    if first is None or first > until:",
        "tests/domain/test_abandonment.py::test_an_order_at_the_very_instant_of_the_deadline_prevents_it",
    ),
    # -- who is who
    Guard(
        "the names of a link that the shop told still move",
        "streams/domain/links.py",
        "return state.seen_at is None and fact.source == OURS",
        "return state.seen_at is None",
        "tests/domain/test_identity.py::"
        "test_a_link_that_the_shop_tells_is_answered_even_so_because_the_stronger_log_has_not_heard_the_names",
    ),
    Guard(
        "a name that gave way is not forgotten",
        "streams/domain/evolve.py",
        "    if forgotten:\n",
        "    if False:\n",
        "tests/domain/test_identity.py::test_an_erasure_reaches_the_logs_of_cookies_that_gave_way_to_newer_ones",
    ),
    # -- once
    Guard(
        "a record is folded once",
        "streams/domain/fold.py",
        "if state is not None and offset is not None and state.offset is not None and offset <= state.offset:",
        "if False:",
        "tests/domain/test_time.py::test_a_record_of_the_log_is_folded_once",
    ),
    Guard(
        "an event told again is known by its id",
        "streams/domain/fold.py",
        "if state is not None and known(state.recent, entry):",
        "if False:",
        "tests/domain/test_abandonment.py::test_the_same_event_again_from_whatever_source_does_nothing",
    ),
    Guard(
        "what is remembered follows the fold",
        "streams/domain/fold.py",
        "    after.recent = remember(after.recent, entry, policy.remembered_events)\n",
        "",
        "tests/domain/test_abandonment.py::test_the_same_event_again_from_whatever_source_does_nothing",
    ),
    # -- carts
    Guard(
        "a cart that was bought stays bought",
        "streams/domain/evolve_cart.py",
        "bought = before.closed_at is not None and change.at < before.closed_at",
        "bought = False",
        "tests/domain/test_abandonment.py::test_an_item_heard_of_after_the_purchase_it_was_part_of_reminds_nobody",
    ),
    Guard(
        "an older snapshot is ignored",
        "streams/domain/evolve_cart.py",
        "    if floor is not None and at < floor:\n",
        "    if False:\n",
        "tests/domain/test_abandonment.py::test_a_full_snapshot_older_than_the_last_one_is_ignored_and_counted",
    ),
    Guard(
        "an emptied cart is disarmed",
        "streams/domain/abandonment.py",
        "    if not is_open(after):\n        return disarmed(after)\n",
        "",
        "tests/domain/test_abandonment.py::test_an_emptied_cart_is_never_abandoned",
    ),
    Guard(
        "history arms nothing",
        "streams/domain/abandonment.py",
        "    if not live:\n        return disarmed(after)\n",
        "",
        "tests/domain/test_abandonment.py::test_history_fills_the_state_and_never_reminds",
    ),
    Guard(
        "links do not loop",
        "streams/domain/links.py",
        "    return target if is_stronger(target, key) else None\n",
        "    return target\n",
        "tests/domain/test_laws.py::test_no_chain_of_links_loops",
    ),
    # -- the engine
    Guard(
        "nothing is delivered before its state is restored",
        "streams/engine/lanes.py",
        "            await self._ready[partition].wait()\n",
        "",
        "tests/engine/test_delivery.py::test_starts_are_exact[8]",
    ),
    Guard(
        "a former owner meets the claim of its successor",
        "streams/engine/tables.py",
        "if any(r.key == CLAIM_KEY for r in records):",
        "if False:",
        "tests/engine/test_fence.py::test_a_former_owner_ends_at_its_first_write",
    ),
    Guard(
        "readers skip what a former owner wrote",
        "streams/engine/fence.py",
        "            if mark < token:\n",
        "            if False:\n",
        "tests/engine/test_fence.py::test_what_a_former_owner_wrote_before_the_claim_counts_and_after_it_does_not",
    ),
    Guard(
        "a loop that stands still for a session ends the process",
        "streams/engine/exits.py",
        "        if silent > self._session:\n",
        "        if False:\n",
        "tests/engine/test_faults.py::test_a_handler_that_blocks_the_loop_is_noticed",
    ),
    Guard(
        "no commit before everything sent is written",
        "streams/engine/consumer.py",
        "            await self.app.producer.flush()  # ends the process if anything sent before these acks is lost\n",
        "",
        "tests/engine/test_delivery.py::test_a_send_nobody_awaits_ends_the_process",
        needs_kafka=True,
    ),
    # -- delivery
    Guard(
        "no commit past unfinished work",
        "streams/delivery/entries.py",
        "            return self.order[0].offset\n",
        "            return self.order[-1].offset + 1\n",
        "tests/delivery/test_lanes.py::test_the_watermark_is_the_first_unfinished_offset",
    ),
    Guard(
        "the last look behind a reminder",
        "streams/delivery/courier.py",
        "else withheld(signal, self._speaker.behind(lane), self._clock.wall())",
        "else withheld(signal, (), self._clock.wall())",
        "tests/delivery/test_reminders.py::test_a_reminder_is_withheld_when_the_purchase_is_already_in_the_log",
    ),
    Guard(
        "a reminder is never late",
        "streams/delivery/lastlook.py",
        "    if now >= payload.expires_at:\n",
        "    if False:\n",
        "tests/delivery/test_lastlook.py::test_a_reminder_never_leaves_at_or_after_its_expiry",
    ),
    Guard(
        "the log is read to its end before a reminder leaves",
        "streams/delivery/courier.py",
        "        if not self._lanes.may_leave(entry, self._clock.monotonic()):\n            return False\n",
        "",
        "tests/delivery/test_reminders.py::test_a_purchase_far_behind_in_the_log_is_found_before_the_reminder_leaves",
    ),
    Guard(
        "a wrong key holds, and parks nothing",
        "streams/delivery/attempt.py",
        "            return Step.HOLD\n",
        "            return Step.PARK\n",
        "tests/delivery/test_verdicts.py::test_a_wrong_key_or_address_holds_the_sink_until_a_probe_passes",
    ),
    Guard(
        "an outage is nobody's fault",
        "streams/delivery/attempt.py",
        "    if successes > entry.seen and entry.attempts > 1:\n",
        "    if entry.attempts > 1:\n",
        "tests/delivery/test_verdicts.py::test_while_nobody_gets_through_a_call_waits_for_ever_and_is_sent_unchanged",
    ),
    Guard(
        "calls in flight are finished before a partition is given back",
        "streams/delivery/runner.py",
        "self._courier.crew.finish(self._lanes, places, seconds), ",
        "",
        "tests/delivery/test_coming_and_going.py::test_a_stop_lets_calls_in_flight_finish_and_commits_them",
    ),
    # -- what outlives a process
    Guard(
        "bytes are kept before they leave",
        "streams/delivery/courier.py",
        "        if self._remembered.lacks(entry, call) and not await self._kept(entry, call):\n",
        "        if False:\n",
        "tests/delivery/test_exact.py::test_a_call_that_may_have_arrived_is_repeated_to_the_byte_by_another_release",
    ),
    Guard(
        "kept bytes go after the commit",
        "streams/delivery/exact.py",
        "done = [each for each in self._done if each.offset < each.partition.committed]",
        "done = self._done",
        "tests/delivery/test_exact.py::test_what_is_delivered_and_not_committed_is_still_kept",
    ),
    Guard(
        "a token is kept before it is used",
        "streams/delivery/registration.py",
        "            await self._lasting(TOKEN, msgspec.json.encode(Lent(connection, lent[0])))\n",
        "            pass\n",
        "tests/delivery/test_registration.py::test_nobody_asks_twice_unless_it_died_before_the_answer_was_kept",
    ),
    Guard(
        "no call's end is the asking's",
        "streams/delivery/registration.py",
        "return await asyncio.shield(self._asking)",
        "return await self._asking",
        "tests/delivery/test_registration.py::test_an_asking_outlives_the_call_that_waits_for_it",
    ),
    Guard(
        "one process asks",
        "streams/delivery/registration.py",
        "            if self._owner and self._known:\n",
        "            if True:\n",
        "tests/delivery/test_registration.py::test_only_who_owns_partition_0_asks_and_the_others_wait",
    ),
    Guard(
        "what was said before the shop left does not bring it back",
        "streams/delivery/registration.py",
        "return not self.connected and self._connection.is_before(place)",
        "return not self.connected",
        "tests/delivery/test_registration.py::test_what_was_said_before_it_left_does_not_bring_it_back",
    ),
    Guard(
        "a leave-taking belongs to its connection",
        "streams/delivery/remembered.py",
        "            if self.registration.is_past(_place(entry, entry.signal)):\n",
        "            if False:\n",
        "tests/delivery/test_registration.py::test_what_is_told_again_from_before_neither_connects_nor_leaves",
    ),
    Guard(
        "history goes on where it was",
        "streams/delivery/mass.py",
        "            await self._remember(after(self._told, items))\n",
        "            self._told = after(self._told, items)\n",
        "tests/delivery/test_mass.py::test_however_often_it_dies_all_is_told_in_order_while_live_signals_flow",
    ),
    Guard(
        "a kind of history begins for good",
        "streams/delivery/mass.py",
        "                await self._remember(Told(connection=self._told.connection, kind=kind.name))\n",
        "                self._told = Told(connection=self._told.connection, kind=kind.name)\n",
        "tests/delivery/test_mass.py::test_a_kind_begins_only_once_that_is_written_down",
    ),
    Guard(
        "history stops when the shop leaves",
        "streams/delivery/mass.py",
        "            if self._connection() != self._told.connection:\n                raise Left\n",
        "",
        "tests/delivery/test_mass.py::test_a_shop_that_left_hears_no_more_and_all_of_it_when_it_comes_back",
    ),
    Guard(
        "history leaves room to what is live",
        "streams/delivery/mass.py",
        "opens = gate.opens_at(now, call.cost, history=True)",
        "opens = now",
        "tests/delivery/test_mass.py::test_it_yields_to_what_is_live_and_keeps_to_the_limits",
    ),
    # -- platforms
    Guard(
        "a wrong key is our mistake",
        "sinks/answers.py",
        "_statuses(401, 402, 403, 404, 405, 407, 410, 415, range(300, 400))",
        "_statuses(402, 403, 404, 405, 407, 410, 415, range(300, 400))",
        "tests/delivery/test_verdicts.py::test_a_wrong_key_or_address_holds_the_sink_until_a_probe_passes",
    ),
    Guard(
        "every event carries its key",
        "sinks/klaviyo/event.py",
        '        "unique_id": unique_id,\n',
        "",
        "tests/certificate/test_sinks.py",
    ),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source and its tests, to be changed."""
    folder = tmp_path_factory.mktemp("mutated")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def run(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    # Without compiled files: a change of the same second and the same length would not be noticed.
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def mutated(copy: Path, guard: Guard) -> Iterator[Path]:
    file = copy / guard.file
    before = file.read_text(encoding="utf-8")
    assert before.count(guard.old) == 1, f"{guard.file} has {before.count(guard.old)} places like {guard.old!r}"
    file.write_text(before.replace(guard.old, guard.new), encoding="utf-8")
    yield copy
    file.write_text(before, encoding="utf-8")


def test_all_of_them_pass_as_it_is(copy: Path) -> None:
    kafka = bool(os.environ.get("SHOPRELAY_TEST_KAFKA"))
    outcome = run(copy, *dict.fromkeys(guard.test for guard in GUARDS if kafka or not guard.needs_kafka))
    assert outcome.returncode == 0, outcome.stdout[-3000:] + outcome.stderr[-1000:]


@pytest.mark.parametrize(
    "guard", [pytest.param(g, id=g.what, marks=[pytest.mark.kafka] if g.needs_kafka else []) for g in GUARDS]
)
def test_without_the_guard_its_test_fails(mutated: Path, guard: Guard) -> None:
    outcome = run(mutated, guard.test)
    assert outcome.returncode == FAILED, f"{guard.test} did not fail without: {guard.what}\n{outcome.stdout[-2000:]}"
