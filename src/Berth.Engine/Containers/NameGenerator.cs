using System.Security.Cryptography;

namespace Berth.Engine.Containers;

/// <summary>Names for containers that were given none: a quality and something from a harbour, as <c>calm_lantern</c>.</summary>
internal static class NameGenerator
{
    private static readonly string[] Qualities =
    [
        "able", "airy", "amber", "ample", "apt", "azure", "bold", "brave", "breezy", "bright", "brisk", "calm", "candid", "cheery", "clear",
        "clever", "coastal", "cosy", "crisp", "daring", "deft", "eager", "early", "earnest", "easy", "fair", "fine", "firm", "fleet", "fond",
        "frank", "fresh", "gentle", "glad", "golden", "good", "grand", "handy", "happy", "hardy", "honest", "ivory", "jolly", "keen", "kind",
        "light", "lively", "loyal", "lucid", "lucky", "mellow", "merry", "mild", "modest", "neat", "nimble", "noble", "placid", "plain",
        "polite", "prime", "proud", "quick", "quiet", "rapid", "ready", "robust", "rosy", "salty", "serene", "sharp", "silver", "simple",
        "sleek", "smart", "smooth", "snug", "sober", "solid", "spry", "stately", "steady", "still", "stout", "sunny", "swift", "tidy", "trim",
        "true", "trusty", "upbeat", "valiant", "vivid", "warm", "wise", "witty", "zesty",
    ];

    private static readonly string[] Things =
    [
        "anchor", "barge", "bay", "beacon", "bell", "bollard", "boom", "bow", "bridge", "brig", "buoy", "cabin", "cable", "canvas", "cape",
        "capstan", "cargo", "chart", "clipper", "coast", "compass", "cove", "crane", "crate", "current", "cutter", "davit", "deck", "delta",
        "dinghy", "dock", "dory", "estuary", "fathom", "fender", "ferry", "fjord", "flag", "fleet", "galley", "gangway", "gull", "halyard",
        "harbour", "hatch", "haven", "hawser", "helm", "horizon", "hull", "inlet", "island", "jetty", "jib", "kayak", "keel", "ketch", "knot",
        "lagoon", "lantern", "launch", "lighthouse", "lock", "marina", "mast", "mooring", "oar", "packet", "pennant", "pier", "pilot",
        "pontoon", "port", "prow", "quay", "raft", "reef", "rigging", "rope", "rudder", "sail", "schooner", "sextant", "shoal", "shore",
        "skiff", "sloop", "sound", "spar", "steamer", "stern", "strait", "tender", "tide", "tiller", "trawler", "tug", "vessel", "wake",
        "wharf", "winch", "yawl",
    ];

    /// <summary>A name for which <paramref name="isTaken"/> is false; after some tries a number makes it so.</summary>
    public static string Create(Func<string, bool> isTaken)
    {
        for (int attempt = 0; ; attempt++)
        {
            string name = $"{Qualities[RandomNumberGenerator.GetInt32(Qualities.Length)]}_{Things[RandomNumberGenerator.GetInt32(Things.Length)]}";
            if (attempt >= 5)
            {
                name += RandomNumberGenerator.GetInt32(10 << Math.Min(attempt - 5, 20));
            }

            if (!isTaken(name))
            {
                return name;
            }
        }
    }
}
