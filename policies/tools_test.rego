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
	every tool in ["git", "http", "prometheus", "alertmanager", "gh", "glab", "grafana"] {
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

test_review_requests_are_opened_and_closed_but_not_merged_by_those_writes if {
	opened := {"kind": "review_request", "target": "gh:main/acme/shop/head/fix", "change": "open"}
	merged := {
		"kind": "merge",
		"target": "gh:main/acme/shop/branch/main",
		"branch": "main",
		"commit": "b",
	}
	every write in [
		["gh", "create_pull_request"],
		["gh", "close_pull_request"],
		["glab", "create_merge_request"],
		["glab", "close_merge_request"],
	] {
		waits_for_approval(writing(write[0], write[1], opened), {"stage_needs_approval"})
		denied_by(writing(write[0], write[1], merged), "unexpected_effect")
	}
	every write in [["gh", "merge_pull_request"], ["glab", "accept_merge_request"]] {
		waits_for_approval(writing(write[0], write[1], merged), {"stage_needs_approval"})
		denied_by(writing(write[0], write[1], opened), "unexpected_effect")
		denied_by(writing(write[0], "delete_repository", opened), "unknown_write")
	}
}

test_annotations_are_all_that_grafana_writes if {
	annotation := {"kind": "annotation", "target": "grafana:main"}
	every action in ["annotate", "delete_annotation"] {
		waits_for_approval(writing("grafana", action, annotation), {"stage_needs_approval"})
		denied_by(writing("grafana", action, push), "unexpected_effect")
	}
	denied_by(writing("grafana", "delete_dashboard", annotation), "unknown_write")
}

test_a_commit_is_proposed_and_withdrawn_by_pushes_alone if {
	opened := {"kind": "review_request", "target": "gh:main/acme/shop/head/fix", "change": "open"}
	every action in ["commit", "propose", "withdraw"] {
		waits_for_approval(writing("git", action, push), {"stage_needs_approval"})
		denied_by(writing("git", action, opened), "unexpected_effect")
	}
	denied_by(writing("git", "delete_branch", push), "unknown_write")
}

writing(tool, action, effect) := with_changes(revert_step, [
	["action/tool", tool],
	["action/name", action],
	["resources/effects", [effect]],
])
