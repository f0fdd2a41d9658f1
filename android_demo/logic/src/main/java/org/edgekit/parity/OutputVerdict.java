package org.edgekit.parity;

import org.edgekit.worker.Json;
import org.json.JSONException;
import org.json.JSONObject;

/** The verdict on one output of the model in the whole run; {@code floor} is what rounding explains. */
public final class OutputVerdict {
    public final String name;
    public final String blob;
    public final Status status;
    public final Comparison comparison;
    public final double floor;

    OutputVerdict(Expected.Output output, Status status, Comparison comparison, double floor) {
        this.name = output.name;
        this.blob = output.blob;
        this.status = status;
        this.comparison = comparison;
        this.floor = floor;
    }

    /** An output in {@code edgekit.verify/1}: its metrics beside its name. */
    JSONObject toJson() throws JSONException {
        JSONObject json =
                comparison.metrics == null
                        ? new JSONObject().put("max_abs", JSONObject.NULL)
                        : comparison.metrics.toJson();
        Finding finding = comparison.finding;
        return json.put("name", name)
                .put("blob", blob)
                .put("status", status.json())
                .put("floor", Json.number(floor))
                .put("finding", finding == null ? JSONObject.NULL : finding.json());
    }
}
