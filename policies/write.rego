# Writes.
#
# Which writes need approval, by rollout stage (0 read-only, 1 all writes, 2 all but low risk, 3 all but low
# and medium risk), and how many people it takes.
package policy.assistant.v1

automatic_risks := {0: set(), 1: set(), 2: {"low"}, 3: {"low", "medium"}}

allow contains {"rule": "rollback", "message": "The undo was approved together with the plan"} if {
	is_write
	is_rollback
}

allow contains {
	"rule": "automatic_write",
	"message": $"{input.risk.level} risk, reversible and previewed: automatic at stage {input.stage}",
} if {
	is_forward
	is_automatic
}

deny contains {"rule": "read_only_stage", "message": "This installation is at stage 0: it only reads"} if {
	is_forward
	not input.stage in {1, 2, 3}
}

# A service that speaks in a person's name was not told the roles; they were judged when the person asked.
deny contains {"rule": "role_cannot_write", "message": $"{input.actor.id} has no role that may write"} if {
	is_write
	input.actor.kind == "human"
	input.actor.assurance != "service"
	count({"admin", "operator", "developer"} & {role | some role in input.actor.roles}) == 0
}

deny contains {"rule": "nothing_to_write", "message": "A write that declares no effect can not be judged"} if {
	is_write
	count(changes) == 0
}

deny contains {"rule": "critical_risk", "message": "Critical risk is for people who break the glass"} if {
	is_forward
	input.risk.level == "critical"
	not is_break_glass
}

approval contains {
	"rule": "stage_needs_approval",
	"message": $"A {input.risk.level} risk write needs approval at stage {input.stage}",
} if {
	needs_judgement
	not input.risk.level in automatic_risks[input.stage]
}

approval contains {"rule": "high_risk", "message": "High risk: two people, within 15 minutes"} if {
	needs_judgement
	input.risk.level == "high"
}

approval contains {"rule": "irreversible", "message": "At least one write has no undo"} if {
	needs_judgement
	not input.resources.reversible
}

approval contains {"rule": "no_preview", "message": "At least one write could not be previewed"} if {
	needs_judgement
	not input.resources.previewed
}

constraint["quorum"] := {
	"kind": "quorum",
	"approvers": config.approvals.raised_quorum,
	"distinct_groups": config.approvals.raised_distinct_groups,
} if {
	count(approval) > 0
	is_grave
}

constraint["quorum"] := {
	"kind": "quorum",
	"approvers": config.approvals.quorum,
	"distinct_groups": config.approvals.distinct_groups,
} if {
	count(approval) > 0
	not is_grave
}

constraint["approval_ttl"] := {"kind": "approval_ttl", "max_ms": config.approvals.high_risk_ttl_ms} if {
	count(approval) > 0
	input.risk.level == "high"
}

constraint["approval_ttl"] := {"kind": "approval_ttl", "max_ms": config.approvals.ttl_ms} if {
	count(approval) > 0
	input.risk.level != "high"
}

constraint["min_assurance"] := {"kind": "min_assurance", "assurance": config.approvals.high_risk_assurance} if {
	count(approval) > 0
	input.risk.level == "high"
}

constraint["approver_groups"] := {"kind": "approver_groups", "any_of": groups} if {
	count(approval) > 0
	groups := config.approvals.groups[input.context.environment]
}

constraint["require_rollback"] := {"kind": "require_rollback"} if {
	is_forward
	input.resources.reversible
}

needs_judgement if {
	is_forward
	not is_break_glass
}

is_automatic if {
	input.risk.level in automatic_risks[input.stage]
	input.resources.reversible
	input.resources.previewed
	is_blast_radius_known
}

is_grave if input.risk.level == "high"

is_grave if not input.resources.reversible

is_grave if not is_blast_radius_known

is_blast_radius_known if is_number(input.resources.blast_radius)
