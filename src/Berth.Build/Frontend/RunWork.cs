using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;
using Berth.Build.Progress;
using Berth.Build.Solver;
using Berth.Model;

namespace Berth.Build.Frontend;

/// <summary>RUN.</summary>
internal sealed class RunWork(BuildTools tools, StepSolver solver, StageScope scope, StageImage image, bool usesCache)
{
    public async Task<(StepResult Result, string CreatedBy)> DoAsync(BuildVertex vertex, RunInstruction run, CancellationToken cancellationToken)
    {
        if (run.Command.HasInterpreter)
        {
            throw new EngineException(ErrorKind.NotImplemented, "RUN with a here-document that names its own interpreter is not supported yet; call the interpreter on the RUN line");
        }

        if (run.IsInsecure)
        {
            throw new EngineException(ErrorKind.Forbidden, "RUN --security=insecure is not allowed: no build here gets all privileges");
        }

        IReadOnlyList<string> args = ConfigChanges.Words(image.Config, run.Command);
        List<string> own = [.. scope.Environment.Select(static pair => $"{pair.Key}={pair.Value}")];
        List<string> given = [.. scope.RunEnvironment.Where(pair => !scope.Environment.ContainsKey(pair.Key) && !GlobalScope.ProxyNames.Contains(pair.Key))
            .Select(static pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal)];
        var step = new RunStep
        {
            Args = args,
            Environment = [.. own, .. given],
            PassedThrough = [.. scope.RunEnvironment.Where(static pair => GlobalScope.ProxyNames.Contains(pair.Key)).Select(static pair => $"{pair.Key}={pair.Value}")],
            WorkingFolder = ConfigChanges.Resolve(image.Config, "."),
            User = image.Config.User ?? "",
            Network = run.Network switch { RunNetwork.None => "none", RunNetwork.Host => "host", _ => null },
            Volumes = [.. (image.Config.Volumes ?? []).Keys.Order(StringComparer.Ordinal)],
            Mounts = [.. run.Mounts.Select(ToMount)],
        };
        StepResult result = await solver.RunAsync(vertex, step, image.State, usesCache, tools.Progress, cancellationToken);
        string command = string.Join(' ', args);
        return (result, given.Count == 0 ? command : $"|{given.Count} {string.Join(' ', given)} {command}");
    }

    private StepMount ToMount(RunMount mount) => mount.Kind switch
    {
        RunMountKind.Tmpfs => new StepMount { Target = ConfigChanges.Resolve(image.Config, mount.Target ?? "."), Size = mount.Size },
        _ => throw new EngineException(ErrorKind.NotImplemented, $"RUN --mount=type={mount.Kind.ToString().ToLowerInvariant()} is not supported yet; only tmpfs is"),
    };
}
