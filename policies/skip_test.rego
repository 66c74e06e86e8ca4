package policy.assistant.v1_test

skip_question := with_changes(revert_plan, [
	["actor", person],
	["action/phase", "dispatch"],
	["action/name", "skip"],
])

test_a_person_with_a_role_may_skip if {
	waits_for_approval(skip_question, {"stage_needs_approval"})
}

test_agents_and_services_never_skip if {
	denied_by(with_changes(skip_question, [["actor/kind", "agent"]]), "skip_human")
	denied_by(with_changes(skip_question, [["actor/kind", "service"]]), "skip_human")
}

test_skipping_takes_a_role if {
	denied_by(with_changes(skip_question, [["actor/roles", ["developer"]]]), "skip_role")
	denied_by(with_changes(skip_question, [["actor/roles", []]]), "skip_role")
}

test_rules_without_roles_for_skipping_let_nobody_skip if {
	denied_by(skip_question, "skip_role") with data.assistant.skip.roles as []
}

test_carrying_a_plan_out_is_no_skipping if {
	waits_for_approval(with_changes(revert_plan, [["actor/kind", "service"]]), {"stage_needs_approval"})
}
