using System.Text.Json;
using Berth.Dockerfile.Expansion;
using Berth.Build.Solver;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Build.Frontend;

/// <summary>The image that a stage has become so far; an immutable snapshot.</summary>
internal sealed record StageImage
{
    /// <summary>Its files.</summary>
    public required BuildState State { get; init; }

    /// <summary>Defaults for containers.</summary>
    public required ImageRunConfig Config { get; init; }

    /// <summary>How it came to be.</summary>
    public IReadOnlyList<ImageHistory> History { get; init; } = [];

    /// <summary>What its programs are for.</summary>
    public required Platform Platform { get; init; }

    /// <summary>Who made it.</summary>
    public string? Author { get; init; }

    /// <summary>When the last step was done; null before the first.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>The image that it began with; the empty digest for none.</summary>
    public Digest BaseId { get; init; }

    /// <summary>Whether the stage has had a CMD.</summary>
    public bool SetsCommand { get; init; }

    /// <summary>Whether a step has changed it since it began.</summary>
    public bool IsChanged { get; init; }

    /// <summary>Its configuration document.</summary>
    public byte[] ToDocument() => JsonSerializer.SerializeToUtf8Bytes(
        new ImageConfig
        {
            Architecture = Platform.Architecture,
            Variant = Platform.Variant,
            Os = Platform.Os,
            Created = Created,
            Author = Author,
            Config = Config,
            Rootfs = new ImageRootfs { DiffIds = State.DiffIds },
            History = History,
        },
        ImageConfigJsonContext.Default.ImageConfig);

    /// <summary>The id that it has, or would have.</summary>
    public Digest Id => IsChanged ? Digest.Of(ToDocument()) : BaseId;

    /// <summary>With a step more.</summary>
    public StageImage After(StepResult result, ImageRunConfig config, string createdBy) => this with
    {
        State = result.State,
        Config = config,
        Created = result.Created,
        IsChanged = true,
        History = [.. History, new ImageHistory { Created = result.Created, CreatedBy = createdBy, Author = Author, EmptyLayer = result.HasLayer ? null : true }],
    };
}

/// <summary>A stage at its end.</summary>
/// <param name="Image">What it has become.</param>
/// <param name="Scope">Its variables, for stages that begin with it.</param>
/// <param name="Vertex">Its last step.</param>
internal sealed record StageOutcome(StageImage Image, StageScope Scope, Digest Vertex);
