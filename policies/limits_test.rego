package policy.assistant.v1_test

import data.policy.assistant.v1 as policy

test_the_blast_radius_is_limited if {
	waits_for_approval(with_changes(revert_plan, [["resources/blast_radius", 10]]), {"stage_needs_approval"})
	denied_by(with_changes(revert_plan, [["resources/blast_radius", 11]]), "blast_radius")
	waits_for_approval(with_changes(revert_plan, [["resources/blast_radius", 11], ["context/environment", "staging"]]), {"stage_needs_approval"})
}

test_an_unknown_blast_radius_takes_two if {
	question := with_changes(revert_plan, [["resources/blast_radius", null]])
	waits_for_approval(question, {"stage_needs_approval", "unknown_blast_radius"})
	decided := policy.decision with input as question
	bound(decided, "quorum").approvers == 2
}

test_write_steps_are_limited if {
	five := with_changes(revert_plan, [
		["resources/write_steps", 5],
		["action/input", {"calls": [call | some _ in numbers.range(1, 5); call := {"kind": "write", "tool": "git", "action": "revert"}]}],
	])
	waits_for_approval(five, {"stage_needs_approval"})
	denied_by(with_changes(revert_step, [["resources/write_steps", 6]]), "write_steps")
}

test_files_and_lines_are_limited if {
	waits_for_approval(pushing({"files_changed": 20, "lines_changed": 500}), {"stage_needs_approval"})
	denied_by(pushing({"files_changed": 21}), "files_changed")
	denied_by(pushing({"lines_changed": 501}), "lines_changed")
}

test_silences_are_limited if {
	question := with_changes(revert_step, [
		["action/tool", "alertmanager"],
		["action/name", "silence"],
		["action/input", {}],
		["resources/effects", [silence]],
	])
	waits_for_approval(question, {"stage_needs_approval"})
	long := with_changes(question, [["resources/effects", [object.union(silence, {"duration_ms": 14400001})]]])
	denied_by(long, "silence_too_long")
}

test_bounds_of_a_push if {
	decided := policy.decision with input as revert_plan
	bound(decided, "max_files_changed").max == 20
	bound(decided, "max_lines_changed").max == 500
	bound(decided, "max_write_steps").max == 5
	bound(decided, "max_run_time").max_ms == 1800000
	bound(decided, "allowed_paths").patterns == ["**"]
	bound(decided, "allowed_targets").patterns == ["git:production.git"]
	not "max_replicas" in {found.kind | some found in decided.constraints}
}

test_targets_are_bound_literally if {
	odd := object.union(push, {"target": `git:a*b?c\d`})
	decided := policy.decision with input as with_changes(revert_plan, [["resources/effects", [odd]]])
	bound(decided, "allowed_targets").patterns == [`git:a\*b\?c\\d`]
}

test_bounds_of_a_scale_and_a_deploy if {
	catalogue := {"kubectl": {"writes": {"rollout": ["scale", "deploy"]}}}
	effects := [
		{"kind": "scale", "target": "k8s:shop", "namespace": "shop", "replicas": 3},
		{"kind": "deploy", "target": "k8s:shop", "namespace": "shop", "images": ["registry/shop:1"]},
	]
	question := with_changes(revert_step, [
		["action/tool", "kubectl"],
		["action/name", "rollout"],
		["resources/effects", effects],
	])
	decided := policy.decision with input as question
		with data.assistant.catalogue as catalogue
		with data.assistant.scope as {"paths": [], "namespaces": ["shop"], "images": ["registry/*"]}
	bound(decided, "max_replicas").max == 20
	bound(decided, "allowed_namespaces").namespaces == ["shop"]
	bound(decided, "allowed_images").patterns == ["registry/*"]
}

test_replicas_are_limited if {
	question := with_changes(revert_step, [
		["action/tool", "kubectl"],
		["action/name", "scale"],
		["resources/effects", [{"kind": "scale", "target": "k8s:shop", "namespace": "shop", "replicas": 21}]],
	])
	denied_by(question, "replicas") with data.assistant.catalogue as {"kubectl": {"writes": {"scale": ["scale"]}}}
}

test_evicted_pods_are_limited if {
	drain := {"kind": "node_drain", "target": "kubernetes:main/_/node/n", "namespaces": ["shop"], "pods": 20}
	question := with_changes(revert_step, [
		["action/tool", "kubectl"],
		["action/name", "drain"],
		["resources/effects", [drain]],
	])
	waits_for_approval(question, {"stage_needs_approval"})
	decided := policy.decision with input as question with data.assistant.scope as {"paths": [], "namespaces": ["shop"], "images": []}
	bound(decided, "allowed_namespaces").namespaces == ["shop"]
	denied_by(with_changes(question, [["resources/effects", [object.union(drain, {"pods": 21})]]]), "pods_evicted")
}

test_what_is_applied_is_bound_by_namespace_image_and_replicas if {
	effects := [
		{"kind": "apply", "target": "kubernetes:main/shop/deployment/web", "namespace": "shop", "images": ["web:1"]},
		{"kind": "scale", "target": "kubernetes:main/shop/deployment/web", "namespace": "shop", "replicas": 3},
	]
	question := with_changes(revert_step, [
		["action/tool", "kubectl"],
		["action/name", "apply"],
		["resources/effects", effects],
	])
	waits_for_approval(question, {"stage_needs_approval"})
	decided := policy.decision with input as question
	bound(decided, "allowed_namespaces").namespaces == []
	bound(decided, "allowed_images").patterns == []
	bound(decided, "max_replicas").max == 20
}

test_restarts_are_bound_by_namespace_and_nothing_else_is_declared if {
	restart := {"kind": "restart", "target": "kubernetes:main/shop/deployment/web", "namespace": "shop"}
	question := with_changes(revert_step, [
		["action/tool", "kubectl"],
		["action/name", "rollout_restart"],
		["resources/effects", [restart]],
	])
	decided := policy.decision with input as question
	bound(decided, "allowed_namespaces").namespaces == []
	denied_by(with_changes(question, [["action/name", "cordon"]]), "unexpected_effect")
}

release := {
	"kind": "release",
	"target": "helm:main/shop/web",
	"namespaces": ["shop"],
	"objects": 40,
	"secret_objects": 0,
	"images": ["registry/shop:1"],
}

upgrading(change) := with_changes(revert_step, [
	["action/tool", "helm"],
	["action/name", "upgrade"],
	["resources/effects", [object.union(release, change)]],
])

test_a_release_is_bound_by_namespaces_and_images if {
	question := upgrading({})
	waits_for_approval(question, {"stage_needs_approval"})
	decided := policy.decision with input as question
		with data.assistant.scope as {"paths": [], "namespaces": ["shop"], "images": ["registry/*"]}
	bound(decided, "allowed_namespaces").namespaces == ["shop"]
	bound(decided, "allowed_images").patterns == ["registry/*"]
}

test_objects_of_a_release_are_limited if {
	denied_by(upgrading({"objects": 41}), "release_objects")
}

test_secrets_of_a_release_wait_for_approval if {
	waits_for_approval(upgrading({"secret_objects": 1}), {"stage_needs_approval", "release_secrets"})
}

test_a_release_has_the_effects_it_declares if {
	every action in ["upgrade", "rollback", "repair_pending"] {
		waits_for_approval(with_changes(upgrading({}), [["action/name", action]]), {"stage_needs_approval"})
	}
	denied_by(with_changes(upgrading({}), [["action/name", "uninstall"]]), "unknown_write")
}

pushing(change) := with_changes(revert_plan, [["resources/effects", [object.union(push, change)]]])

test_a_sync_is_bound_by_namespace_and_nothing_else_is_declared if {
	sync := {"kind": "sync", "target": "argocd:main/default/shop", "namespaces": ["shop"], "prune": false}
	question := with_changes(revert_step, [
		["action/tool", "argocd"],
		["action/name", "sync"],
		["resources/effects", [sync]],
	])
	waits_for_approval(question, {"stage_needs_approval"})
	decided := policy.decision with input as question
	bound(decided, "allowed_namespaces").namespaces == []
	bound(decided, "allowed_targets").patterns == ["argocd:main/default/shop"]
	denied_by(with_changes(question, [["action/name", "app"]]), "unexpected_effect")
	denied_by(with_changes(question, [["resources/effects", [push]]]), "unexpected_effect")
}
