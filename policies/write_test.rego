package policy.assistant.v1_test

import data.policy.assistant.v1 as policy

test_stage_0_only_reads if {
	denied_by(with_changes(revert_plan, [["stage", 0]]), "read_only_stage")
	denied_by(with_changes(glass_plan, [["stage", 0]]), "read_only_stage")
	denied_by(with_changes(revert_plan, [["stage", 4]]), "read_only_stage")
}

test_stage_1_asks_one_person_for_an_hour if {
	decided := policy.decision with input as revert_plan
	decided.decision == "require_approval"
	rules_of(decided) == {"stage_needs_approval"}
	bound(decided, "quorum") == {"kind": "quorum", "approvers": 1, "distinct_groups": 0}
	bound(decided, "approval_ttl").max_ms == 3600000
	bound(decided, "require_rollback") == {"kind": "require_rollback"}
}

test_stage_1_asks_before_each_effect_too if waits_for_approval(revert_step, {"stage_needs_approval"})

test_stage_1_asks_for_low_risk if {
	waits_for_approval(with_changes(revert_plan, [["risk/level", "low"]]), {"stage_needs_approval"})
}

test_stage_2_lets_low_risk_pass if {
	question := with_changes(revert_plan, [["stage", 2], ["risk/level", "low"]])
	allowed_by(question, {"automatic_write"})
	decided := policy.decision with input as question
	not "quorum" in {found.kind | some found in decided.constraints}
	bound(decided, "max_files_changed").max == 20
}

test_stage_2_asks_for_medium_risk if waits_for_approval(with_changes(revert_plan, [["stage", 2]]), {"stage_needs_approval"})

test_stage_3_lets_medium_risk_pass if allowed_by(with_changes(revert_plan, [["stage", 3]]), {"automatic_write"})

test_stage_3_asks_for_high_risk if {
	question := with_changes(revert_plan, [["stage", 3], ["risk/level", "high"]])
	waits_for_approval(question, {"high_risk", "stage_needs_approval"})
}

test_automatic_writes_are_reversible_and_previewed if {
	low := with_changes(revert_plan, [["stage", 2], ["risk/level", "low"]])
	waits_for_approval(with_changes(low, [["resources/reversible", false]]), {"irreversible"})
	waits_for_approval(with_changes(low, [["resources/previewed", false]]), {"no_preview"})
	waits_for_approval(with_changes(low, [["resources/blast_radius", null]]), {"unknown_blast_radius"})
}

test_high_risk_takes_two_within_15_minutes if {
	decided := policy.decision with input as with_changes(revert_plan, [["risk/level", "high"]])
	bound(decided, "quorum").approvers == 2
	bound(decided, "approval_ttl").max_ms == 900000
	bound(decided, "min_assurance").assurance == "local"
}

test_an_irreversible_write_takes_two_and_no_rollback if {
	decided := policy.decision with input as with_changes(revert_plan, [["resources/reversible", false]])
	bound(decided, "quorum").approvers == 2
	not "require_rollback" in {found.kind | some found in decided.constraints}
}

test_critical_risk_is_denied_without_break_glass if {
	denied_by(with_changes(revert_plan, [["risk/level", "critical"]]), "critical_risk")
	allowed_by(with_changes(glass_plan, [["risk/level", "critical"]]), {"break_glass"})
}

test_people_need_a_role_to_write if {
	denied_by(with_changes(revert_plan, [["actor", object.union(person, {"roles": ["observer"]})]]), "role_cannot_write")
	spoken_for := object.union(person, {"roles": [], "assurance": "service"})
	waits_for_approval(with_changes(revert_plan, [["actor", spoken_for]]), {"stage_needs_approval"})
}

test_a_write_without_effects_is_denied if {
	denied_by(with_changes(revert_plan, [["resources/effects", []]]), "nothing_to_write")
}

test_a_rollback_is_allowed_whatever_stage_and_risk if {
	every stage in [0, 1, 2, 3] {
		allowed_by(with_changes(rollback_step, [["stage", stage], ["risk/level", "critical"]]), {"rollback"})
	}
	allowed_by(with_changes(rollback_step, [["resources/reversible", false], ["resources/blast_radius", 500]]), {"rollback"})
}

test_a_rollback_carries_no_bounds if {
	decided := policy.decision with input as rollback_step
	decided.constraints == []
}

test_a_plan_cannot_call_itself_a_rollback if {
	waits_for_approval(with_changes(revert_plan, [["action/rollback", true]]), {"stage_needs_approval"})
}

test_groups_of_an_environment_approve if {
	decided := policy.decision with input as revert_plan
		with data.assistant.approvals.groups as {"production": ["sre"]}
	bound(decided, "approver_groups").any_of == ["sre"]
}
