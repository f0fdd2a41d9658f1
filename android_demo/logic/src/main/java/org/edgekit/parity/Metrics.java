package org.edgekit.parity;

import org.edgekit.worker.Json;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * Distances of y from its reference r over n numbers, computed in double.
 *
 * <pre>
 * maxAbs   max|y - r|
 * maxRel   max|y - r| / max|r|
 * rmse     sqrt(sum (y - r)^2 / n)
 * cosine   sum(y r) / (|y| |r|); 1 when both are zero, 0 when only one is
 * snrDb    10 log10(sum r^2 / sum (y - r)^2); infinite when the tensors are equal
 * ulp      max over numbers of |y - r| / spacing(|r|), float32 spacing; |r| below 2^-10 max|r| counts as that
 * </pre>
 *
 * The definitions are those of edgekit/numerics/metrics.py.
 */
public final class Metrics {
    public final double maxAbs;
    public final double maxRel;
    public final double rmse;
    public final double cosine;
    public final double snrDb;
    public final double ulp;

    Metrics(double maxAbs, double maxRel, double rmse, double cosine, double snrDb, double ulp) {
        this.maxAbs = maxAbs;
        this.maxRel = maxRel;
        this.rmse = rmse;
        this.cosine = cosine;
        this.snrDb = snrDb;
        this.ulp = ulp;
    }

    public JSONObject toJson() throws JSONException {
        return new JSONObject()
                .put("max_abs", Json.number(maxAbs))
                .put("max_rel", Json.number(maxRel))
                .put("rmse", Json.number(rmse))
                .put("cosine", Json.number(cosine))
                .put("snr_db", Json.number(snrDb))
                .put("ulp", Json.number(ulp));
    }
}
