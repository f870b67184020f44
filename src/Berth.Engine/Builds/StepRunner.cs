using System.Buffers.Binary;
using Berth.Build.Solver;
using Berth.Engine.Containers;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Shims;
using Berth.Storage;
using Berth.Storage.Builds;

namespace Berth.Engine.Builds;

/// <summary>
/// Runs a build's steps as containers are run, without a record: what a crash leaves has no record, and the next start removes it as it does for any such container.
/// </summary>
/// <param name="services">What containers need of the world.</param>
/// <param name="host">How steps relate to the host.</param>
internal sealed class StepRunner(ContainerServices services, ContainerHostOptions host) : IStepRunner
{
    private const int SIGKILL = 9;
    private const int FrameHeader = 8;
    private const int BufferSize = 32 << 10;

    /// <inheritdoc/>
    public async Task<int> RunAsync(ContainerId key, RunStep step, StepInputs inputs, IReadOnlyList<Digest> chainIds, Action<ReadOnlyMemory<byte>, bool> output, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ContainerRecord record = Describe(key, step, chainIds);
        string bundle = services.Options.Bundle(key);
        ContainerSandbox? sandbox = null;
        Shim? shim = null;
        Task connected = Task.CompletedTask;
        using PreparedMount? variables = inputs.Hidden.Count == 0 ? null : PreparedMount.File(Lines(inputs.Hidden), 0x100, 0, 0);
        try
        {
            services.Snapshots.Prepare(key, chainIds);
            FailPoint.Reach(FailPoints.StepPrepared);
            sandbox = await services.Sandboxes.PlanAsync(record, []);
            services.Sandboxes.Open(record, sandbox);
            await services.Sandboxes.JoinAsync(record, sandbox);
            BundleWriter.Write(services, record, bundle, logPath: "", ExitFile(bundle), sandbox, joined: null, inputs.Mounts, variables?.Mount.Source);
            connected = Task.Run(() => services.Sandboxes.ApplyAsync(record, sandbox), CancellationToken.None);
            shim = await services.Shims.PrepareAsync(bundle, CancellationToken.None);
            await connected;
            await using ShimStream streams = await shim.AttachAsync(null, AttachStreams.Stdout | AttachStreams.Stderr, CancellationToken.None);
            _ = await shim.StartAsync(CancellationToken.None);
            FailPoint.Reach(FailPoints.StepStarted);
            return await FollowAsync(shim, streams, bundle, output, cancellationToken);
        }
        catch (ShimException e)
        {
            throw new EngineException(ErrorKind.InvalidArgument, e.Message, e);
        }
        finally
        {
            await connected.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await CleanAsync(key, bundle, sandbox, shim);
        }
    }

    /// <inheritdoc/>
    public void Remove(ContainerId key) => services.Snapshots.Remove(key);

    private static byte[] Lines(IReadOnlyList<ReadOnlyMemory<byte>> variables) => [.. variables.SelectMany(static variable => (byte[])[.. variable.Span, 0])];

    private static string ExitFile(string bundle) => Path.Combine(bundle, "exit");

    private static async Task<int> FollowAsync(Shim shim, ShimStream streams, string bundle, Action<ReadOnlyMemory<byte>, bool> output, CancellationToken cancellationToken)
    {
        using CancellationTokenSource ended = new();
        Task killing = KillWhenCancelledAsync(shim, ended.Token, cancellationToken);
        try
        {
            await CopyAsync(streams.Stream, output);
            ExitStatus? status = await shim.Exited ?? ExitStatusFile.TryRead(ExitFile(bundle));
            cancellationToken.ThrowIfCancellationRequested();
            return status?.Code ?? throw new EngineException(ErrorKind.Internal, "the build step's shim was killed");
        }
        finally
        {
            await ended.CancelAsync();
            await killing;
        }
    }

    private static async Task KillWhenCancelledAsync(Shim shim, CancellationToken ended, CancellationToken cancelled)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ended, cancelled);
        await Task.Delay(Timeout.Infinite, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (cancelled.IsCancellationRequested)
        {
            await shim.KillAsync(null, SIGKILL, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it may have ended by itself
        }
    }

    // Docker's frames: which stream, three bytes of nothing, the length, the data.
    private static async Task CopyAsync(Stream frames, Action<ReadOnlyMemory<byte>, bool> output)
    {
        byte[] header = new byte[FrameHeader];
        byte[] buffer = new byte[BufferSize];
        while (await frames.ReadAtLeastAsync(header, FrameHeader, throwOnEndOfStream: false) == FrameHeader)
        {
            for (long left = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4)); left > 0;)
            {
                int count = await frames.ReadAsync(buffer.AsMemory(0, (int)Math.Min(left, buffer.Length)));
                if (count == 0)
                {
                    return;
                }

                output(buffer.AsMemory(0, count), header[0] == 2);
                left -= count;
            }
        }
    }

    private async Task CleanAsync(ContainerId key, string bundle, ContainerSandbox? sandbox, Shim? shim)
    {
        if (shim is not null)
        {
            await shim.DisposeAsync();
        }

        try
        {
            if (Directory.Exists(bundle))
            {
                ContainerCgroup.KillAndRemove(SpecBuilder.CgroupPath(key));
                File.Delete(services.Options.ShimSocket(key));
                Directory.Delete(bundle, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            EngineLog.LeftoverKept(services.Logger, e, key.Short);
        }

        if (sandbox is not null)
        {
            await services.Sandboxes.CloseAsync(sandbox);
            await services.Sandboxes.ReleaseAsync(sandbox);
        }
    }

    private ContainerRecord Describe(ContainerId key, RunStep step, IReadOnlyList<Digest> chainIds)
    {
        NetworkMode network = step.Network switch { "none" => NetworkMode.None, "host" => NetworkMode.Host, _ => host.Network };
        ContainerHostOptions options = host with
        {
            Network = network,
            NetworkText = step.Network ?? host.NetworkText,
        };
        return new ContainerRecord
        {
            Id = key,
            Name = "build-" + key.Short,
            Created = DateTimeOffset.UtcNow,
            ImageId = default,
            ChainIds = chainIds,
            Config = new ContainerConfig
            {
                Image = "",
                Hostname = network == NetworkMode.Host ? Environment.MachineName : key.Short,
                User = step.User,
                Env = [.. step.Environment, .. step.PassedThrough],
                Cmd = step.Args,
                WorkingDir = step.WorkingFolder,
                Host = options,
            },
            Endpoints = services.Sandboxes.EndpointsOf(options, []),
        };
    }
}
