using System.Text;
using Berth.Build.Progress;
using Berth.Model;
using Berth.Storage;
using Berth.Storage.Builds;
using Berth.Storage.Images;

namespace Berth.Build.Solver;

/// <summary>
/// Does the steps of one build, or takes their results from earlier ones. It knows nothing of Dockerfiles: a step is what to do, on which layers. Steps of one build may be done at the same time;
/// equal steps of several builds are done once.
/// </summary>
/// <param name="storage">Where everything is.</param>
/// <param name="images">Where steps and layers are kept.</param>
/// <param name="assembly">Holds the layers of this build.</param>
/// <param name="runner">Runs processes.</param>
/// <param name="shared">Of all builds.</param>
/// <param name="recorder">Keeps what was done.</param>
/// <param name="surroundings">What decides about processes besides; part of their keys.</param>
/// <param name="clock">Tells when.</param>
internal sealed class StepSolver(
    StorageRoot storage, ImageStore images, ImageAssembly assembly, IStepRunner runner, SharedSteps shared, StepRecorder recorder, string surroundings, TimeProvider clock)
{
    /// <summary>Runs a process.</summary>
    /// <exception cref="StepFailedException">It ended with another code than 0.</exception>
    /// <exception cref="EngineException">It could not be started, or its files cannot be kept.</exception>
    public Task<StepResult> RunAsync(BuildVertex vertex, RunStep step, BuildState below, bool usesCache, IBuildProgress progress, CancellationToken cancellationToken)
    {
        var key = new StepKey("run/2");
        key.Add(below.Identity).Add(step.Args).Add(step.Environment.Order(StringComparer.Ordinal)).Add(step.WorkingFolder).Add(step.User).Add(step.Network).Add(step.Volumes).Add(surroundings);
        foreach (StepMount mount in step.Mounts)
        {
            key.Add(mount.Target).Add(mount.Key);
        }

        foreach (HiddenVariable variable in step.Hidden)
        {
            key.Add(variable.Name).Add(variable.Key);
        }

        return SolveAsync(vertex, key.Finish(), below, usesCache, token => RunAsync(vertex, step, below, progress, token), cancellationToken);
    }

    /// <summary>Copies files.</summary>
    /// <param name="vertex">The step.</param>
    /// <param name="files">What is copied.</param>
    /// <param name="content">Digest of the files.</param>
    /// <param name="request">Where to, and how.</param>
    /// <param name="mode">The permissions that were asked for, as they were written.</param>
    /// <param name="below">The layers that they come upon.</param>
    /// <param name="usesCache">Whether an earlier result will do.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="EngineException">In docker's words.</exception>
    public Task<StepResult> CopyAsync(BuildVertex vertex, SelectedFiles files, Digest content, CopyRequest request, string mode, BuildState below, bool usesCache, CancellationToken cancellationToken)
    {
        var own = new StepKey("link/1");
        AddCopy(own, content, request, mode);
        Digest? independent = request.IsIndependent ? own.Finish() : null;
        var key = new StepKey("copy/1");
        AddCopy(key.Add(below.Identity), content, request, mode);
        return SolveAsync(vertex, key.Finish(), below, usesCache, token => CopyAsync(vertex, files, independent, below, usesCache, token), cancellationToken);
    }

    private static void AddCopy(StepKey key, Digest content, CopyRequest request, string mode) =>
        key.Add(content.ToString()).Add(request.Destination).Add($"{request.Owner.Uid}:{request.Owner.Gid} {request.Unpacks} {request.KeepsParents} {request.IsIndependent} {request.LatestTime}").Add(mode);

    // A layer that does not depend on those below is put on others as it is.
    private async Task<BuiltLayer?> CopyAsync(BuildVertex vertex, SelectedFiles files, Digest? independent, BuildState below, bool usesCache, CancellationToken cancellationToken)
    {
        if (usesCache && independent is { } known && (recorder.Find(known) ?? images.FindStep(known)) is { } step && await assembly.AddKnownAsync(step, below.ChainIds, cancellationToken) is { } put)
        {
            recorder.Used(known);
            return put;
        }

        BuiltLayer layer = await files.CopyAsync(assembly, below.ChainIds, cancellationToken);
        if (independent is { } key)
        {
            recorder.Add(Describe(vertex, key, below.With(layer), layer));
        }

        return layer;
    }

    /// <summary>Makes a folder where it is missing.</summary>
    /// <exception cref="EngineException">In docker's words.</exception>
    public Task<StepResult> MakeFolderAsync(BuildVertex vertex, string path, long time, BuildState below, bool usesCache, CancellationToken cancellationToken)
    {
        var key = new StepKey("folder/1");
        key.Add(below.Identity).Add(path);
        return SolveAsync(vertex, key.Finish(), below, usesCache, token => assembly.AddFolderAsync(storage, path, time, below.ChainIds, token), cancellationToken);
    }

    /// <summary>Notes a step that changes no files.</summary>
    /// <param name="vertex">The step.</param>
    /// <param name="before">What tells the image before it from all others.</param>
    /// <param name="below">Its layers.</param>
    /// <param name="usesCache">Whether an earlier result will do.</param>
    public StepResult Configure(BuildVertex vertex, string before, BuildState below, bool usesCache)
    {
        var key = new StepKey("config/1");
        Digest digest = key.Add(before).Add(vertex.Text).Finish();
        if (usesCache && images.FindStep(digest) is { } known)
        {
            recorder.Used(digest);
            return new StepResult(below, false, known.Created, true);
        }

        var step = new BuildStep { Key = digest, Created = clock.GetUtcNow(), LastUsed = clock.GetUtcNow(), Description = vertex.Text };
        recorder.Add(step);
        return new StepResult(below, false, step.Created, false);
    }

    private async Task<StepResult> SolveAsync(
        BuildVertex vertex, Digest key, BuildState below, bool usesCache, Func<CancellationToken, Task<BuiltLayer?>> work, CancellationToken cancellationToken)
    {
        using IDisposable turn = await shared.EnterAsync(key, cancellationToken);
        if (usesCache && TryTake(key, below) is { } result)
        {
            return result;
        }

        cancellationToken.ThrowIfCancellationRequested();
        BuiltLayer? layer = await work(cancellationToken);
        BuildState after = layer is null ? below : below.With(layer);
        BuildStep step = Describe(vertex, key, after, layer);
        recorder.Add(step);
        if (shared.IsWantedByOthers(key))
        {
            await recorder.FlushAsync();
        }

        return new StepResult(after, layer is not null, step.Created, false);
    }

    private BuildStep Describe(BuildVertex vertex, Digest key, BuildState after, BuiltLayer? layer) => new()
    {
        Key = key,
        ChainIds = layer is null ? [] : after.ChainIds,
        LayerBlobs = layer is null ? [] : after.Blobs,
        DiffId = layer?.DiffId,
        Size = layer?.Size ?? 0,
        Created = clock.GetUtcNow(),
        LastUsed = clock.GetUtcNow(),
        Description = vertex.Text,
    };

    private StepResult? TryTake(Digest key, BuildState below)
    {
        BuildStep? step = recorder.Find(key) ?? images.FindStep(key);
        if (step is null || step.HasLayer && !step.ChainIds.All(assembly.TryUseLayer))
        {
            return null;
        }

        recorder.Used(key);
        return new StepResult(
            step.DiffId is { } diffId ? new BuildState(step.ChainIds, [.. below.DiffIds, diffId], assembly.BlobsOf(step.ChainIds)) : below, step.HasLayer, step.Created, true);
    }

    private static List<ReadOnlyMemory<byte>> HiddenOf(RunStep step)
    {
        List<ReadOnlyMemory<byte>> result = [];
        foreach (HiddenVariable variable in step.Hidden)
        {
            if (variable.Read() is { } value)
            {
                result.Add((byte[])[.. Encoding.UTF8.GetBytes(variable.Name), (byte)'=', .. value.Span]);
            }
        }

        return result;
    }

    private async Task<BuiltLayer?> RunAsync(BuildVertex vertex, RunStep step, BuildState below, IBuildProgress progress, CancellationToken cancellationToken)
    {
        ContainerId id = ContainerId.Create();
        progress.Report(new VertexRunning(vertex, clock.GetUtcNow(), id));
        try
        {
            int code;
            using (OpenMounts mounts = await OpenMounts.OpenAsync(step.Mounts, id, cancellationToken))
            {
                StepInputs inputs = new(mounts.List, HiddenOf(step));
                code = await runner.RunAsync(
                    id, step, inputs, below.ChainIds, (data, isError) => progress.Report(new VertexLog(vertex, clock.GetUtcNow(), isError, data.ToArray())), cancellationToken);
            }

            return code == 0
                ? await assembly.AddChangesAsync(storage, id, below.ChainIds, [.. step.Mounts.Select(static mount => mount.Target)], step.Volumes, cancellationToken)
                : throw new StepFailedException(step.Args, code);
        }
        finally
        {
            runner.Remove(id);
        }
    }
}

/// <summary>A step's process ended with another code than 0. The message is docker's.</summary>
public sealed class StepFailedException(IReadOnlyList<string> args, int code)
    : Exception($"The command '{PrintableText.Of(string.Join(' ', args))}' returned a non-zero code: {code}")
{
    /// <summary>The exit code.</summary>
    public int Code { get; } = code;
}
