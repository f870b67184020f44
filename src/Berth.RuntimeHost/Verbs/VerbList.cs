using Berth.RuntimeHost.CommandLine;

namespace Berth.RuntimeHost.Verbs;

/// <summary>All verbs; only the one that is asked for is built.</summary>
internal static class VerbList
{
    public static IReadOnlyList<string> Names { get; } =
    [
        "checkpoint", "create", "delete", "events", "exec", "features", "kill", "list", "pause", "ps", "restore", "resume", "run", "spec", "start",
        "state", "update",
    ];

    /// <summary>The verb of that name; null when there is none.</summary>
    public static Verb? Find(string name) => name switch
    {
        "checkpoint" => CheckpointVerbs.Checkpoint(),
        "create" => CreateVerb.Verb(),
        "delete" => DeleteVerb.Verb(),
        "events" => EventsVerb.Verb(),
        "exec" => ExecVerb.Verb(),
        "features" => FeaturesVerb.Verb(),
        "kill" => KillVerb.Verb(),
        "list" => ListVerb.Verb(),
        "pause" => PauseVerbs.Pause(),
        "ps" => PsVerb.Verb(),
        "restore" => CheckpointVerbs.Restore(),
        "resume" => PauseVerbs.Resume(),
        "run" => RunVerb.Verb(),
        "spec" => SpecVerb.Verb(),
        "start" => StartVerb.Verb(),
        "state" => StateVerb.Verb(),
        "update" => UpdateVerb.Verb(),
        _ => null,
    };
}
