package policy.assistant.v1_test

absolute := {
	"name": "year end",
	"reason": "no changes while the office is closed",
	"environments": ["production"],
	"from": "2026-11-18T10:00:00Z",
	"to": "2026-11-18T11:00:00Z",
}

weekly := {
	"name": "evenings",
	"reason": "nobody watches",
	"environments": ["production"],
	"days": ["Wednesday"],
	"from": "09:05",
	"to": "24:00",
}

test_a_window_denies_writes_in_its_environment if {
	denied_by(revert_plan, "freeze_window") with data.assistant.freeze_windows as [absolute]
	denied_by(with_changes(revert_plan, [["stage", 3]]), "freeze_window") with data.assistant.freeze_windows as [absolute]
	waits_for_approval(with_changes(revert_plan, [["context/environment", "staging"]]), {"stage_needs_approval"}) with data.assistant.freeze_windows as [absolute]
}

test_a_window_holds_where_no_limit_is_named if {
	denied_by(with_changes(revert_plan, [["context/environment", "unheard"]]), "freeze_window") with data.assistant.freeze_windows as [absolute]
}

test_a_window_begins_with_from_and_ends_before_to if {
	windows := [absolute]
	denied_by(with_changes(revert_plan, [["time", "2026-11-18T10:00:00Z"]]), "freeze_window") with data.assistant.freeze_windows as windows
	denied_by(with_changes(revert_plan, [["time", "2026-11-18T10:59:59.999Z"]]), "freeze_window") with data.assistant.freeze_windows as windows
	waits_for_approval(with_changes(revert_plan, [["time", "2026-11-18T11:00:00Z"]]), {"stage_needs_approval"}) with data.assistant.freeze_windows as windows
	waits_for_approval(with_changes(revert_plan, [["time", "2026-11-18T09:59:59.999Z"]]), {"stage_needs_approval"}) with data.assistant.freeze_windows as windows
}

test_a_weekly_window_holds_on_its_days_and_hours if {
	windows := [weekly]
	denied_by(with_changes(revert_plan, [["time", "2026-11-18T09:05:00Z"]]), "freeze_window") with data.assistant.freeze_windows as windows
	denied_by(with_changes(revert_plan, [["time", "2026-11-18T23:59:59Z"]]), "freeze_window") with data.assistant.freeze_windows as windows
	waits_for_approval(with_changes(revert_plan, [["time", "2026-11-18T09:04:59Z"]]), {"stage_needs_approval"}) with data.assistant.freeze_windows as windows
	waits_for_approval(with_changes(revert_plan, [["time", "2026-11-19T09:05:00Z"]]), {"stage_needs_approval"}) with data.assistant.freeze_windows as windows
}

test_reads_rollback_and_break_glass_pass_a_window if {
	allowed_by(read_question, {"read"}) with data.assistant.freeze_windows as [absolute]
	allowed_by(rollback_step, {"rollback"}) with data.assistant.freeze_windows as [absolute]
	allowed_by(glass_plan, {"break_glass"}) with data.assistant.freeze_windows as [absolute]
}

test_an_unreadable_window_denies if {
	every change in [
		{"from": "yesterday"},
		{"from": "2026-11-18T12:00:00Z"},
		{"environments": "production"},
		{"days": ["wednesday"], "from": "09:00", "to": "10:00"},
		{"days": ["Wednesday"], "from": "9:00", "to": "10:00"},
		{"days": ["Wednesday"], "from": "10:00", "to": "09:00"},
		{"days": [], "from": "09:00", "to": "10:00"},
	] {
		denied_by(revert_plan, "freeze_window_unreadable") with data.assistant.freeze_windows as [object.union(absolute, change)]
	}
}

test_an_unreadable_time_denies_writes if {
	denied_by(with_changes(revert_plan, [["time", "2026-11-18 10:30"]]), "time_unreadable")
	allowed_by(with_changes(read_question, [["time", "2026-11-18 10:30"]]), {"read"})
}
