package policy.assistant.v1_test

test_an_unknown_tool_is_denied if {
	denied_by(with_changes(read_question, [["action/tool", "bash"]]), "unknown_tool")
	denied_by(calling([{"kind": "write", "tool": "bash", "action": "run"}]), "unknown_tool")
	denied_by(with_changes(rollback_step, [["action/tool", "bash"]]), "unknown_tool")
}

test_an_unknown_write_is_denied if {
	denied_by(calling([{"kind": "write", "tool": "git", "action": "force_push"}]), "unknown_write")
	denied_by(with_changes(rollback_step, [["action/name", "force_push"]]), "unknown_write")
}

test_any_read_of_a_known_tool_is_allowed if {
	every tool in ["git", "http", "prometheus", "alertmanager"] {
		allowed_by(with_changes(read_question, [["action/tool", tool], ["action/name", "whatever"]]), {"read"})
	}
}

test_a_write_does_not_pass_as_a_read if {
	denied_by(with_changes(read_question, [["action/name", "revert"]]), "write_as_read")
	denied_by(calling([{"kind": "read", "tool": "git", "action": "revert"}]), "write_as_read")
	hidden := with_changes(revert_plan, [["action/kind", "read"]])
	denied_by(hidden, "write_as_read")
}

test_a_plan_lists_its_calls if {
	denied_by(calling([]), "unreadable_calls")
	denied_by(with_changes(revert_plan, [["action/input", {}]]), "unreadable_calls")
	denied_by(calling([{"kind": "write", "tool": "git"}]), "unreadable_calls")
	denied_by(calling([{"kind": "other", "tool": "git", "action": "revert"}]), "unreadable_calls")
}

test_a_plan_counts_its_writes if {
	denied_by(with_changes(revert_plan, [["resources/write_steps", 2]]), "write_steps_differ")
}

test_effects_belong_to_the_writes if {
	denied_by(with_changes(revert_plan, [["resources/effects", [push, silence]]]), "unexpected_effect")
}

calling(calls) := with_changes(revert_plan, [["action/input", {"calls": calls}]])

test_an_undo_is_no_step_but_is_catalogued if {
	revert := {"kind": "write", "tool": "git", "action": "revert", "undo": false}
	waits_for_approval(calling([revert, object.union(revert, {"undo": true})]), {"stage_needs_approval"})
	denied_by(calling([revert, object.union(revert, {"undo": true, "action": "force_push"})]), "unknown_write")
}
