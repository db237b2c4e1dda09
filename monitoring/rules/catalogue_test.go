// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package rules

// metrics are the names that an expression may read, with their labels: the catalogue of metrics, and what the receivers
// bring. A histogram or summary is named without its suffix.
var metrics = map[string][]string{
	// Specialists.
	"specialist_requests_total":           {"specialist_type", "status", "quality_tier"},
	"specialist_request_duration_seconds": {"specialist_type", "complexity"},
	"specialist_tokens_per_second":        {"specialist_type"},
	"specialist_quality_score":            {"specialist_type"},
	"specialist_confidence_score":         {"specialist_type"},
	"specialist_gpu_utilization_percent":  {"specialist_type", "gpu_id"},
	"specialist_memory_usage_bytes":       {"specialist_type", "memory_type"},
	"specialist_errors_total":             {"specialist_type", "error_type", "severity"},
	"specialist_timeouts_total":           {"specialist_type"},
	// Guardians.
	"guardian_evaluations_total":              {"guardian_type", "specialist_id", "evaluation_type"},
	"guardian_evaluation_duration_seconds":    {"guardian_type", "evaluation_type"},
	"guardian_issues_detected_total":          {"guardian_type", "specialist_id", "issue_type", "severity"},
	"guardian_false_positive_rate":            {"guardian_type", "issue_type"},
	"guardian_improvements_suggested_total":   {"guardian_type", "improvement_type", "priority"},
	"guardian_improvements_implemented_total": {"guardian_type", "improvement_type"},
	"guardian_prediction_accuracy":            {"guardian_type", "prediction_type"},
	"guardian_errors_total":                   {"guardian_type", "error_type"},
	"improvement_suggestions":                 {"status"},
	// Inference and workload.
	"model_inference_duration_seconds": {"model_name", "model_version"},
	"context_length_tokens":            {"specialist_type"},
	"memory_efficiency_ratio":          {"component", "memory_type"},
	"cache_hit_rate":                   {"cache_type", "specialist_type"},
	"batch_processing_efficiency":      {"specialist_type"},
	// Any model service.
	"ml_requests_total":                   {"model_name", "endpoint", "model_version"},
	"ml_errors_total":                     {"model_name", "endpoint", "error_type"},
	"ml_request_duration_seconds":         {"model_name", "endpoint"},
	"ml_requests_in_progress":             {"model_name"},
	"ml_throughput_requests_per_second":   {"model_name"},
	"ml_predictions_by_class_total":       {"model_name", "predicted_class"},
	"ml_prediction_confidence":            {"model_name"},
	"ml_low_confidence_predictions_total": {"model_name", "threshold"},
	"ml_accuracy_by_segment":              {"model_name", "segment", "model_version"},
	"ml_precision":                        {"model_name", "segment", "averaging", "model_version"},
	"ml_recall":                           {"model_name", "segment", "averaging", "model_version"},
	"ml_f1":                               {"model_name", "segment", "averaging", "model_version"},
	"ml_accuracy_degradation":             {"model_name", "metric", "model_version"},
	"ml_data_drift_score":                 {"model_name", "feature_name", "model_version"},
	"ml_data_drift_p_value":               {"model_name", "feature_name", "model_version"},
	"ml_data_drift_js":                    {"model_name", "feature_name", "model_version"},
	"ml_data_drift_alerts_total":          {"model_name", "feature_name", "severity", "model_version"},
	"ml_data_drift_share":                 {"model_name", "model_version"},
	"ml_concept_drift_psi":                {"model_name", "model_version"},
	"ml_concept_drift_p_value":            {"model_name", "model_version"},
	"ml_concept_drift_js":                 {"model_name", "model_version"},
	"ml_slo_compliance_percentage":        {"model_name", "slo_type", "model_version"},
	"model_prediction_latency_seconds":    {"model_name", "model_version"},
	"model_predictions_total":             {"model_name", "model_version", "outcome"},
	"model_prediction_value":              {"model_name", "model_version"},
	"model_feature_value":                 {"model_name", "feature_name", "statistic"},
	// Business and compliance.
	"detector_requests_total":          {"detector_type", "tenant_id", "status"},
	"mapping_confidence_score":         {"framework", "category"},
	"compliance_violations_total":      {"framework", "severity", "category"},
	"active_tenants_count":             {},
	"compliance_score":                 {},
	"compliance_high_confidence_ratio": {},
	// GPUs, in the spelling that rules in use know.
	"nvidia_smi_utilization_gpu_ratio": {"uuid"},
	"nvidia_smi_memory_used_bytes":     {"uuid"},
	"nvidia_smi_memory_total_bytes":    {"uuid"},
	// configs/agent.yaml and its companions.
	"node_cpu_seconds_total":                     {"cpu", "mode"},
	"node_memory_MemAvailable_bytes":             {},
	"node_memory_MemTotal_bytes":                 {},
	"node_filesystem_avail_bytes":                {"device", "fstype", "mountpoint"},
	"node_filesystem_size_bytes":                 {"device", "fstype", "mountpoint"},
	"node_network_transmit_bytes_total":          {"device"},
	"node_network_receive_bytes_total":           {"device"},
	"pg_stat_database_numbackends":               {"datname"},
	"pg_settings_max_connections":                {},
	"postgresql_statement_mean_time_p95_seconds": {},
	"postgresql_statement_calls_total":           {"datname", "queryid"},
	"postgresql_statement_time_seconds_total":    {"datname", "queryid"},
	"httpcheck_status":                           {"http_url", "http_status_class", "http_status_code", "http_method"},
	"httpcheck_error":                            {"http_url", "error_message"},
	// configs/gateway.yaml.
	"service_last_seen_seconds": {},
	// Prometheus itself.
	"up": {},
}

// everywhere are labels that any series may have: where it was scraped, and the cluster, for those who have several.
var everywhere = []string{"cluster", "job", "instance"}
