using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;
using Berth.Build.Progress;
using Berth.Build.Solver;
using Berth.Model;

namespace Berth.Build.Frontend;

/// <summary>RUN.</summary>
internal sealed class RunWork(BuildTools tools, StepSolver solver, StageScope scope, StageImage image, bool usesCache)
{
    public async Task<(StepResult Result, string CreatedBy)> DoAsync(BuildVertex vertex, RunInstruction run, MountWork mounts, CancellationToken cancellationToken)
    {
        if (run.IsInsecure)
        {
            throw new EngineException(ErrorKind.Forbidden, "RUN --security=insecure is not allowed: no build here gets all privileges");
        }

        IReadOnlyList<string> args = run.Command.HasInterpreter ? [.. ConfigChanges.ShellOf(image.Config), MountWork.ScriptPath(run.Command)] : ConfigChanges.Words(image.Config, run.Command);
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
            Mounts = await mounts.ListAsync(vertex, run, cancellationToken),
            Hidden = mounts.HiddenOf(run),
        };
        StepResult result = await solver.RunAsync(vertex, step, image.State, usesCache, tools.Progress, cancellationToken);
        string command = string.Join(' ', args);
        return (result, given.Count == 0 ? command : $"|{given.Count} {string.Join(' ', given)} {command}");
    }
}
