# Questions that the tests change one thing of.
package policy.assistant.v1_test

import data.policy.assistant.v1 as policy

push := {
	"kind": "git_push",
	"target": "git:production.git",
	"branch": "main",
	"paths": ["service/config.json"],
	"files_changed": 1,
	"lines_changed": 4,
}

silence := {"kind": "alert_silence", "target": "alertmanager:main", "duration_ms": 3600000}

person := {
	"id": "user:alice",
	"kind": "human",
	"tenant_id": "acme",
	"roles": ["operator"],
	"groups": [],
	"assurance": "session",
}

agent := {
	"id": "agent:remedy",
	"kind": "agent",
	"tenant_id": "acme",
	"roles": [],
	"groups": [],
	"assurance": "service",
}

read_question := {
	"actor": agent,
	"action": {
		"phase": "read",
		"kind": "read",
		"tool": "git",
		"name": "log",
		"trigger": "alert",
		"break_glass": null,
		"rollback": false,
		"input": {"path": "service/config.json"},
	},
	"context": {"tenant_id": "acme", "environment": "production"},
	"resources": {
		"effects": [{"kind": "read", "target": "git:production.git"}],
		"write_steps": 0,
		"services": ["shop"],
		"blast_radius": 0,
		"reversible": true,
		"previewed": true,
	},
	"risk": {"level": "low", "rules": []},
	"time": "2026-11-18T10:30:00.000Z",
	"stage": 1,
}

revert_plan := with_changes(read_question, [
	["action/phase", "plan"],
	["action/kind", "write"],
	["action/tool", "plan"],
	["action/name", "execute"],
	[
		"action/input",
		{"calls": [
			{"kind": "read", "tool": "git", "action": "log"},
			{"kind": "write", "tool": "git", "action": "revert"},
		]},
	],
	["resources/effects", [{"kind": "read", "target": "git:production.git"}, push]],
	["resources/write_steps", 1],
	["resources/blast_radius", 2],
	["risk/level", "medium"],
])

revert_step := with_changes(revert_plan, [
	["action/phase", "effect"],
	["action/tool", "git"],
	["action/name", "revert"],
	["action/input", {"revision": "0123abcd"}],
])

rollback_step := with_changes(revert_step, [["action/rollback", true]])

glass_plan := with_changes(revert_plan, [
	["actor", person],
	["action/break_glass", {"reason": "checkout is down", "incident_id": "inc_1", "expires_at": "2026-11-18T11:00:00Z"}],
])

# The question with the values at some paths (object keys, joined by a slash) replaced.
with_changes(question, changes) := json_patched if {
	sections := {section: parts |
		some section, before in question
		parts := section_of(section, before, changes)
	}
	json_patched := sections
}

section_of(section, _, changes) := after if {
	some [path, after] in changes
	path == section
}

section_of(section, before, changes) := object.union(object.remove(before, object.keys(patch)), patch) if {
	not section in {path | some [path, _] in changes}
	is_object(before)
	patch := {field: after |
		some [path, after] in changes
		[section, field] = split(path, "/")
	}
}

section_of(section, before, changes) := before if {
	not section in {path | some [path, _] in changes}
	not is_object(before)
}

rules_of(decided) := {reason.rule | some reason in decided.reasons}

bound(decided, kind) := [found | some found in decided.constraints; found.kind == kind][0]

denied_by(question, rule) if {
	decided := policy.decision with input as question
	decided.decision == "deny"
	rule in rules_of(decided)
	decided.constraints == []
}

waits_for_approval(question, rules) if {
	decided := policy.decision with input as question
	decided.decision == "require_approval"
	rules_of(decided) == rules
}

allowed_by(question, rules) if {
	decided := policy.decision with input as question
	decided.decision == "allow"
	rules_of(decided) == rules
}
