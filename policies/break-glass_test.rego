package policy.assistant.v1_test

import data.policy.assistant.v1 as policy

test_a_person_breaks_the_glass_without_approval if {
	allowed_by(glass_plan, {"break_glass"})
	decided := policy.decision with input as glass_plan
	bound(decided, "window") == {
		"kind": "window",
		"not_before": "1970-01-01T00:00:00Z",
		"not_after": "2026-11-18T11:00:00Z",
	}
	not "quorum" in {found.kind | some found in decided.constraints}
}

test_agents_and_services_never_break_the_glass if {
	denied_by(with_changes(glass_plan, [["actor", object.union(agent, {"roles": ["admin"]})]]), "break_glass_human")
	denied_by(with_changes(glass_plan, [["actor/kind", "service"]]), "break_glass_human")
}

test_a_developer_may_not_break_the_glass if {
	denied_by(with_changes(glass_plan, [["actor", object.union(person, {"roles": ["developer"]})]]), "break_glass_role")
}

test_breaking_the_glass_takes_a_reason_and_an_incident if {
	blank_reason := object.union(glass_plan.action.break_glass, {"reason": "  "})
	denied_by(with_changes(glass_plan, [["action/break_glass", blank_reason]]), "break_glass_reason")
	no_incident := object.union(glass_plan.action.break_glass, {"incident_id": " "})
	denied_by(with_changes(glass_plan, [["action/break_glass", no_incident]]), "break_glass_reason")
}

test_broken_glass_expires if {
	denied_by(with_changes(glass_plan, [["time", "2026-11-18T11:00:00.000Z"]]), "break_glass_expired")
	allowed_by(with_changes(glass_plan, [["time", "2026-11-18T10:59:59.999Z"]]), {"break_glass"})
}

test_an_unreadable_expiry_has_expired if {
	unreadable := object.union(glass_plan.action.break_glass, {"expires_at": "tomorrow"})
	denied_by(with_changes(glass_plan, [["action/break_glass", unreadable]]), "break_glass_expired")
}

test_broken_glass_lasts_an_hour_at_most if {
	allowed_by(with_changes(glass_plan, [["time", "2026-11-18T10:00:00.000Z"]]), {"break_glass"})
	denied_by(with_changes(glass_plan, [["time", "2026-11-18T09:59:59.999Z"]]), "break_glass_too_long")
}

test_glass_is_broken_in_named_environments_only if {
	denied_by(glass_plan, "break_glass_environment") with data.assistant.break_glass.environments as ["staging"]
}

test_glass_is_broken_for_writes_only if {
	question := with_changes(read_question, [["actor", person], ["action/break_glass", glass_plan.action.break_glass]])
	denied_by(question, "break_glass_write")
}

test_catalogue_secrets_and_limits_hold_behind_the_glass if {
	unknown := {"calls": [{"kind": "write", "tool": "git", "action": "push_force"}]}
	denied_by(with_changes(glass_plan, [["action/input", unknown]]), "unknown_write")
	denied_by(with_changes(glass_plan, [["resources/blast_radius", 11]]), "blast_radius")
	leaky := object.union(push, {"paths": ["service/.env"]})
	denied_by(with_changes(glass_plan, [["resources/effects", [leaky]]]), "secret_path")
}
