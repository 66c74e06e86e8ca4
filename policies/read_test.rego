package policy.assistant.v1_test

test_reads_are_allowed_at_every_stage if {
	every stage in [0, 1, 2, 3] {
		allowed_by(with_changes(read_question, [["stage", stage]]), {"read"})
	}
}

test_a_plan_of_reads_is_allowed if {
	allowed_by(
		with_changes(read_question, [
			["action/tool", "plan"],
			["action/name", "execute"],
			["action/input", {"calls": [{"kind": "read", "tool": "prometheus", "action": "query"}]}],
		]),
		{"read"},
	)
}

test_an_anonymous_actor_is_denied if {
	denied_by(with_changes(read_question, [["actor/roles", ["anonymous"]]]), "anonymous")
}

test_an_actor_of_another_tenant_is_denied if {
	denied_by(with_changes(read_question, [["actor/tenant_id", "other"]]), "other_tenant")
}

test_a_read_with_an_effect_is_not_allowed if {
	denied_by(with_changes(read_question, [["resources/effects", [push]]]), "unexpected_effect")
}
