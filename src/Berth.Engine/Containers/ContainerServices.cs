using Berth.Engine.Events;
using Berth.Engine.Networks;
using Berth.Runtime.Shims;
using Berth.Storage;
using Berth.Storage.Images;
using Berth.Storage.Metadata;
using Berth.Storage.Snapshots;
using Microsoft.Extensions.Logging;

namespace Berth.Engine.Containers;

/// <summary>What every container needs of the world; made once by the composition root.</summary>
/// <param name="Options">Paths.</param>
/// <param name="Root">The data root.</param>
/// <param name="Journal">The truth about containers.</param>
/// <param name="Snapshots">Writable layers.</param>
/// <param name="Images">Where images are resolved, and let go of with their last container.</param>
/// <param name="Shims">Starts and finds shims.</param>
/// <param name="Networks">Which networks there are.</param>
/// <param name="Sandboxes">Puts containers into them.</param>
/// <param name="Events">Where it is told what happens.</param>
/// <param name="Logger">Where recovery and background failures are told.</param>
public sealed record ContainerServices(
    EngineOptions Options, StorageRoot Root, Journal Journal, ISnapshotter Snapshots, ImageStore Images, ShimLauncher Shims, NetworkService Networks,
    SandboxService Sandboxes, EventHub Events, ILogger Logger)
{
    /// <summary>What the first process of a container with an init runs.</summary>
    internal InitProgram InitProgram { get; } = new(Options);

    /// <summary>Tells the age of ended exec sessions.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
